package stdio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"amends/protocol"
	"amends/saga"

	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"
)

// Config is what a session needs. Conn, In, Out and Aside are required.
type Config struct {
	// Conn is for this session alone: what arrives on it keeps its order.
	Conn *nats.Conn
	In   io.Reader
	// Out is printed on; Aside takes what is not for it.
	Out, Aside io.Writer
	// InitOnly leaves nothing but init_ok on Out (A1).
	InitOnly bool
	// External sends the commands as lines to the nodes inventory, payment and
	// shipping, and awaits their replies on In (A5).
	External bool
	// Define has the orchestrator load a definition. It is called beside the
	// session. If it is nil, sagas of the client's own steps are refused.
	Define func(context.Context, *saga.Definition) error
	// Drain is how long sagas in progress may take after the end of the input.
	Drain time.Duration
	Log   zerolog.Logger
}

const (
	// maxOpen bounds the questions of clients in progress; beyond it no line is
	// read.
	maxOpen = 256
	// buffered bounds what has arrived from NATS and was not looked at yet.
	buffered = 1 << 16
	// sweepEvery is how often questions are looked at that nobody answered.
	sweepEvery = 50 * time.Millisecond
)

// UnfinishedError says that sagas had not ended when the time to drain was over.
// They go on if their orchestrator does.
type UnfinishedError struct{ Sagas []string }

func (e *UnfinishedError) Error() string {
	if len(e.Sagas) == 0 {
		return "not everything was answered in time"
	}
	return fmt.Sprintf("%d sagas have not ended: %s", len(e.Sagas), strings.Join(e.Sagas, " "))
}

// Run holds a session: until the input ends, or ctx does, and then until the sagas
// that it began have ended. Whoever is told of a saga is told in the form in which
// it was asked for.
func Run(ctx context.Context, cfg Config) error {
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	s := &session{
		cfg: cfg, life: life, messages: make(chan *nats.Msg, buffered), undefined: make(chan defined, maxOpen), defined: make(chan defined),
		handlers: make(map[*nats.Subscription]func(*nats.Msg)), inbox: cfg.Conn.NewInbox() + ".",
		asked: make(map[string]*question), watched: make(map[string]*watcher),
		awaited: make(map[string]spoken), bridge: newBridge(), plans: make(map[string]*plan),
	}
	if err := s.listen(); err != nil {
		return fmt.Errorf("listening on NATS: %w", err)
	}
	lines := make(chan line)
	go readLines(life, cfg.In, lines)
	go s.define()
	s.printer = newPrinter()
	err := s.run(ctx, lines)
	if failed := s.printer.finish(); failed != nil {
		return failed
	}
	return err
}

// session is the state of a session. Only run and what it calls touch it.
type session struct {
	cfg       Config
	life      context.Context // ends with the session
	messages  chan *nats.Msg  // all that arrives, in the order in which it was sent
	undefined chan defined    // for define
	defined   chan defined
	handlers  map[*nats.Subscription]func(*nats.Msg)
	printer   *printer
	said      int64 // the next msg_id of our own (S0-21)

	inbox    string               // where answers to our questions go; ends in a dot
	asked    map[string]*question // by the last word of that subject
	tokens   int64
	watched  map[string]*watcher // by saga
	awaited  map[string]spoken   // by the subject of the answer
	bridge   *bridge
	plans    map[string]*plan // by saga
	defining int              // definitions on their way to the orchestrator
}

// source is a subject that the session listens on.
type source struct {
	subject, queue string
	handle         func(*nats.Msg)
}

// services are the participants of document 000, by the names of their nodes (A5):
// the first words of their subjects, and their queue groups.
var services = []string{protocol.ServiceInventory, protocol.ServicePayment, protocol.ServiceShipping}

func (s *session) sources() []source {
	all := []source{{s.inbox + "*", "", s.onAnswer}}
	if s.cfg.Define != nil {
		all = append(all, source{subjectStep, subjectStep, s.onStep})
	}
	for _, service := range services {
		if s.cfg.External {
			all = append(all, source{service + ".*", service, s.sendOut})
		} else {
			all = append(all, source{service + ".*", "", s.overhear})
		}
	}
	if !s.cfg.External {
		all = append(all, source{repliesToOrchestrators, "", s.overhearAnswer})
	}
	return all
}

// listen makes all subscriptions. They share one channel, so that what happened
// first is seen first.
func (s *session) listen() error {
	s.cfg.Conn.SetErrorHandler(func(_ *nats.Conn, sub *nats.Subscription, err error) {
		event := s.cfg.Log.Warn().Err(err)
		if sub != nil {
			event = event.Str("subject", sub.Subject)
		}
		event.Msg("NATS reports an error; some steps may not be shown")
	})
	for _, from := range s.sources() {
		sub, err := s.subscribe(from)
		if err != nil {
			return err
		}
		s.handlers[sub] = from.handle
	}
	return s.cfg.Conn.Flush()
}

func (s *session) subscribe(from source) (*nats.Subscription, error) {
	if from.queue != "" {
		return s.cfg.Conn.ChanQueueSubscribe(from.subject, from.queue, s.messages)
	}
	return s.cfg.Conn.ChanSubscribe(from.subject, s.messages)
}

// run is the life of a session. It returns when the input has ended and so has
// everything that was begun, or when the time to drain is over.
func (s *session) run(ctx context.Context, lines <-chan line) error {
	sweep := time.NewTicker(sweepEvery)
	defer sweep.Stop()
	gone := s.cfg.Conn.StatusChanged(nats.CLOSED)
	stopped, late := ctx.Done(), (<-chan time.Time)(nil)
	for lines != nil || len(s.asked) > 0 || s.defining > 0 {
		select {
		case l, more := <-s.accept(lines):
			if more {
				s.take(l)
				break
			}
			lines, late = nil, time.After(s.cfg.Drain)
		case <-stopped:
			lines, stopped, late = nil, nil, time.After(s.cfg.Drain)
		case m := <-s.messages:
			s.handlers[m.Sub](m)
		case d := <-s.defined:
			s.onDefined(d)
		case now := <-sweep.C:
			s.askAgain(now)
			s.bridge.expire(now)
		case <-s.printer.wrote:
		case err := <-s.printer.failed:
			return err
		case <-gone:
			return errors.New("the connection to NATS is lost")
		case <-late:
			return s.unfinished()
		}
	}
	return nil
}

// accept is where the next line comes from: nowhere while there is much to do.
// With external services the lines bring what there is to do to its end, so they
// are read on.
func (s *session) accept(lines <-chan line) <-chan line {
	if s.isFull() && !s.cfg.External || s.printer.busy() {
		return nil
	}
	return lines
}

func (s *session) isFull() bool { return len(s.asked)+s.defining >= maxOpen }

// take handles one line. Whatever it holds, the session goes on.
func (s *session) take(l line) {
	r, err := parse(l)
	if err == nil {
		err = s.serve(&r)
	}
	if err != nil {
		s.refuse(&r, err)
	}
}

func (s *session) serve(r *request) error {
	switch {
	case r.head.Type == typeInit:
		s.tellInit(r)
		return nil
	case isReply(r.head.Type):
		return s.takeIn(r)
	case s.isFull():
		return &protocol.Error{Code: protocol.CodeOverloaded, Message: "too much is in progress; send it again later"}
	}
	switch r.head.Type {
	case protocol.TypeCheckout:
		return s.startCheckout(r)
	case protocol.TypeCheckoutStatus:
		return s.askStatus(r)
	case typeSagaBegin:
		return s.beginSaga(r)
	case typeExecute:
		return s.execute(r)
	}
	return &protocol.Error{
		Code: protocol.CodeUnknownType, Field: "type",
		Message: "must be init, checkout, checkout_status, saga_begin or execute here",
	}
}

// unfinished names the sagas that have not ended.
func (s *session) unfinished() error {
	e := &UnfinishedError{}
	for _, q := range s.asked {
		if q.sagaID != "" {
			e.Sagas = append(e.Sagas, q.sagaID)
		}
	}
	slices.Sort(e.Sagas)
	e.Sagas = slices.Compact(e.Sagas)
	return e
}
