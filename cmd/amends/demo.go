package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"amends/embedded"
	"amends/protocol"

	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"
)

// demoTimeout bounds one act of the demonstration.
const demoTimeout = 15 * time.Second

// demoCommand shows what the system does: four ways a checkout can end, and a
// fifth that survives a crash, all on a real server in a temporary folder.
type demoCommand struct {
	Scenario string `enum:"story,success,payment-failure,inventory-failure,shipping-failure,cart,tickets,all" default:"story" help:"What is shown: ${enum}."`
	Random   int    `placeholder:"N" help:"Show N random orders instead, and how many of them completed."`
	faultFlags
}

// demoAct is one checkout of the demonstration and how it has to end.
type demoAct struct {
	title   string
	request string
	status  string
	reason  string
}

var demoActs = []demoAct{
	{
		title:   "A customer buys two lamps and a bulb.",
		request: `{"saga_id":"checkout42","user_id":"u42","items":[{"sku":"abc123","quantity":2},{"sku":"xyz789","quantity":1}],"shipping_address":"123 Main St"}`,
		status:  "COMPLETED",
	},
	{
		title:   "The card is declined: the goods go back on the shelf.",
		request: `{"saga_id":"checkout43","user_id":"u999","items":[{"sku":"abc123","quantity":2}],"shipping_address":"123 Main St"}`,
		status:  "ABORTED", reason: "Payment declined: DECLINED",
	},
	{
		title:   "The poster is sold out: nothing to undo.",
		request: `{"saga_id":"checkout44","user_id":"u42","items":[{"sku":"product4","quantity":1}],"shipping_address":"123 Main St"}`,
		status:  "ABORTED", reason: "Inventory unavailable",
	},
	{
		title:   "The address does not exist: the money goes back, then the goods, in reverse.",
		request: `{"saga_id":"checkout45","user_id":"u42","items":[{"sku":"product1","quantity":1}],"shipping_address":"1 Undeliverable Lane"}`,
		status:  "ABORTED", reason: "Shipping failed: address_undeliverable",
	},
}

// demoCrash is the checkout that outlives its orchestrator.
const demoCrash = `{"saga_id":"checkout46","user_id":"u42","items":[{"sku":"abc123","quantity":1}],"shipping_address":"123 Main St","wait_ms":0}`

func (c *demoCommand) Run(ctx context.Context, log zerolog.Logger) (err error) {
	failures, err := c.failures()
	if err != nil {
		return err
	}
	data, remove, err := temporary()
	if err != nil {
		return err
	}
	stage := &demoStage{out: stdout, log: log.Level(zerolog.ErrorLevel), failures: failures}
	defer func() { err = errors.Join(err, stage.close(context.WithoutCancel(ctx)), remove()) }()
	if err := stage.open(ctx, data); err != nil {
		return err
	}
	switch {
	case c.Random > 0:
		return stage.playRandom(ctx, c.Random, len(failures) > 0)
	case c.Scenario != "story":
		return stage.playScenarios(ctx, c.Scenario)
	}
	return stage.playStory(ctx)
}

// playStory plays the acts, and then the crash.
func (s *demoStage) playStory(ctx context.Context) error {
	for n, act := range demoActs {
		if err := s.play(ctx, n+1, act); err != nil {
			return err
		}
	}
	if err := s.crash(ctx, len(demoActs)+1); err != nil {
		return err
	}
	return s.audit(ctx)
}

// demoStage is the system that the demonstration runs on, in three parts, so
// that two of them can be taken away.
type demoStage struct {
	out          io.Writer
	log          zerolog.Logger
	failures     map[embedded.Role]float64
	base         *embedded.App // server, inventory, shipping, cart
	payment      *embedded.App
	orchestrator *embedded.App
	nc           *nats.Conn
	events       *nats.Subscription
}

func (s *demoStage) open(ctx context.Context, data string) error {
	s.base = embedded.New(embedded.Config{
		Server: &embedded.ServerConfig{Data: data, Listen: "127.0.0.1:0", Durability: embedded.Interval, Log: s.log},
		Roles:  []embedded.Role{embedded.Inventory, embedded.Shipping, embedded.Cart}, Development: true, Log: s.log,
		Failures: s.failures, AllowFaults: true,
	})
	if err := s.base.Start(ctx); err != nil {
		return err
	}
	var err error
	if s.payment, err = s.startRole(ctx, embedded.Payment); err != nil {
		return err
	}
	if s.orchestrator, err = s.startRole(ctx, embedded.Orchestrator); err != nil {
		return err
	}
	if s.nc, err = s.base.Conn(ctx, "demo"); err != nil {
		return err
	}
	if s.events, err = s.nc.SubscribeSync(protocol.SubjectAllEvents); err != nil {
		return fmt.Errorf("watching transitions: %w", err)
	}
	fmt.Fprintf(s.out, "A NATS server with JetStream, an orchestrator, inventory, payment, shipping and cart, in one process.\n")
	return nil
}

func (s *demoStage) startRole(ctx context.Context, role embedded.Role) (*embedded.App, error) {
	app := embedded.New(embedded.Config{
		Access: embedded.Access{URL: s.base.URL()}, Roles: []embedded.Role{role}, Log: s.log,
		Failures: s.failures, AllowFaults: true,
	})
	return app, app.Start(ctx)
}

func (s *demoStage) close(ctx context.Context) error {
	var errs []error
	for _, app := range []*embedded.App{s.orchestrator, s.payment, s.base} {
		if app != nil {
			errs = append(errs, app.Stop(ctx))
		}
	}
	return errors.Join(errs...)
}

// play starts a checkout, tells its transitions, and checks its end.
func (s *demoStage) play(ctx context.Context, number int, act demoAct) error {
	fmt.Fprintf(s.out, "\n%d. %s\n   nats req checkout.start '%s'\n", number, act.title, act.request)
	if _, err := s.nc.Request(protocol.SubjectStart, []byte(act.request), demoTimeout); err != nil {
		return exitOfNATS(err)
	}
	end, err := s.tell(ctx, func(t *transition) bool { return settled(t.Phase) })
	if err != nil {
		return err
	}
	return s.checkEnd(end.SagaID, act.status, act.reason)
}

// checkEnd asks how a checkout ended, prints it, and fails if it is not as told.
func (s *demoStage) checkEnd(sagaID, status, reason string) error {
	var got protocol.Status
	client := clientFlags{Timeout: demoTimeout}
	if _, err := client.ask(s.nc, protocol.SubjectStatus, protocol.StatusRequest{SagaID: sagaID}, &got); err != nil {
		return err
	}
	fmt.Fprintf(s.out, "   => %s", got.Status)
	if got.OrderID != "" {
		fmt.Fprintf(s.out, ", order %s", got.OrderID)
	}
	if got.Reason != "" {
		fmt.Fprintf(s.out, ": %s", got.Reason)
	}
	fmt.Fprintln(s.out)
	if got.Status != status || got.Reason != reason {
		return fmt.Errorf("%s should have ended %s %q", sagaID, status, reason)
	}
	return nil
}

// tell prints transitions until one is the last.
func (s *demoStage) tell(ctx context.Context, last func(*transition) bool) (*transition, error) {
	ctx, cancel := context.WithTimeout(ctx, demoTimeout)
	defer cancel()
	for {
		m, err := s.events.NextMsgWithContext(ctx)
		if err != nil {
			return nil, fmt.Errorf("waiting for a transition: %w", err)
		}
		t, err := parseTransition(m.Data)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(s.out, "   %s\n", t.story())
		if last(t) {
			return t, nil
		}
	}
}

// crash takes the payment service away, so that a checkout stands in the middle;
// kills the orchestrator, as kill -9 would; and brings both back.
func (s *demoStage) crash(ctx context.Context, number int) error {
	fmt.Fprintf(s.out, "\n%d. A checkout outlives its orchestrator. First the payment service goes away.\n   nats req checkout.start '%s'\n", number, demoCrash)
	if err := s.payment.Stop(ctx); err != nil {
		return err
	}
	if _, err := s.nc.Request(protocol.SubjectStart, []byte(demoCrash), demoTimeout); err != nil {
		return exitOfNATS(err)
	}
	middle, err := s.tell(ctx, func(t *transition) bool { return t.Event.Type == "WorkerAbsent" })
	if err != nil {
		return err
	}
	fmt.Fprintln(s.out, "   -- the orchestrator is killed; goods are reserved, nothing is paid --")
	s.orchestrator.Kill()
	if s.payment, err = s.startRole(ctx, embedded.Payment); err != nil {
		return err
	}
	fmt.Fprintln(s.out, "   -- the payment service is back, and a new orchestrator starts --")
	if s.orchestrator, err = s.startRole(ctx, embedded.Orchestrator); err != nil {
		return err
	}
	if _, err := s.tell(ctx, func(t *transition) bool { return settled(t.Phase) }); err != nil {
		return err
	}
	return s.checkEnd(middle.SagaID, "COMPLETED", "")
}

// audit proves that all of it added up.
func (s *demoStage) audit(ctx context.Context) error {
	fmt.Fprint(s.out, "\nThe audit reads the buckets and adds everything up:\n")
	return auditAndPrint(ctx, s.nc, s.out, false)
}
