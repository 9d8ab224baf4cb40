package chaos_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"testing"
	"time"

	"amends/protocol"

	"github.com/nats-io/nats.go"
)

// The roles, as the command line names them.
const (
	roleServe        = "serve"
	roleNATS         = "nats"
	roleOrchestrator = "orchestrator"
	roleInventory    = "inventory"
	rolePayment      = "payment"
	roleShipping     = "shipping"
)

// site is one system, on a port and a data folder of its own.
type site struct {
	t          *testing.T
	listen     string
	url        string
	data       string
	durability string
	flags      []string // of serve and the orchestrator, more than the usual ones
}

func newSite(t *testing.T, durability string) *site {
	t.Helper()
	listen := net.JoinHostPort("127.0.0.1", strconv.Itoa(freePort(t)))
	return &site{t: t, listen: listen, url: "nats://" + listen, data: t.TempDir(), durability: durability}
}

// freePort finds a port below those that the kernel gives to outgoing
// connections: a client that keeps dialling one of those may be given that very
// port, and is then connected to itself.
func freePort(t *testing.T) int {
	t.Helper()
	for range 1000 {
		port := 20_000 + rand.IntN(12_000)
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			continue
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		return port
	}
	t.Fatal("found no free port")
	return 0
}

// spawn starts a role and does not wait for it.
func (s *site) spawn(role string) *process {
	s.t.Helper()
	args := []string{role, "--nats", s.url}
	if role == roleServe || role == roleNATS {
		args = []string{role, "--nats-listen", s.listen, "--data", s.data, "--durability", s.durability}
	}
	if role == roleServe {
		args = append(args, "--http-listen", "none")
	}
	if role == roleServe || role == roleOrchestrator {
		args = append(args, s.flags...)
	}
	return spawn(s.t, role, args...)
}

// start starts a role and waits until it answers.
func (s *site) start(role string) *process {
	s.t.Helper()
	p := s.spawn(role)
	p.ready()
	return p
}

// startAll starts roles side by side and waits until all of them answer.
func (s *site) startAll(roles ...string) []*process {
	s.t.Helper()
	started := make([]*process, len(roles))
	for n, role := range roles {
		started[n] = s.spawn(role)
	}
	for _, p := range started {
		p.ready()
	}
	return started
}

// connect makes a client that comes back by itself.
func (s *site) connect(options ...nats.Option) *nats.Conn {
	s.t.Helper()
	options = append([]nats.Option{
		nats.MaxReconnects(-1), nats.ReconnectWait(20 * time.Millisecond), nats.ReconnectBufSize(-1),
		nats.RetryOnFailedConnect(true), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}),
	}, options...)
	nc, err := nats.Connect(s.url, options...)
	if err != nil {
		s.t.Fatalf("connecting a client: %v", err)
	}
	s.t.Cleanup(nc.Close)
	return nc
}

// answer is any answer of the client API: an outcome, a status or an error.
type answer struct {
	Type       string                `json:"type"`
	SagaID     string                `json:"saga_id"`
	Status     string                `json:"status"`
	OrderID    string                `json:"order_id"`
	Reason     string                `json:"reason"`
	WaitingFor string                `json:"waiting_for"`
	Owner      string                `json:"owner"`
	Steps      []protocol.StepStatus `json:"steps"`
	InReplyTo  json.RawMessage       `json:"in_reply_to"`
	Warnings   []string              `json:"warnings"`
	Code       protocol.Code         `json:"code"`
	Message    string                `json:"message"`
	Field      string                `json:"field"`

	took time.Duration
}

// ask sends a request and returns its answer.
func ask(t *testing.T, nc *nats.Conn, subject, body string) answer {
	t.Helper()
	begin := time.Now()
	reply, err := nc.Request(subject, []byte(body), 30*time.Second)
	if err != nil {
		t.Fatalf("asking %s: %v", subject, err)
	}
	return readAnswer(t, reply, time.Since(begin))
}

func readAnswer(t *testing.T, reply *nats.Msg, took time.Duration) answer {
	t.Helper()
	a := answer{took: took}
	if err := json.Unmarshal(reply.Data, &a); err != nil {
		t.Fatalf("the answer %q is no JSON: %v", reply.Data, err)
	}
	return a
}

// status asks how a saga stands. A question that gets no answer, as from an
// orchestrator that is stopped, is asked again.
func status(t *testing.T, nc *nats.Conn, sagaID string) answer {
	t.Helper()
	for range 15 {
		reply, err := nc.Request(protocol.SubjectStatus, fmt.Appendf(nil, `{"saga_id":%q}`, sagaID), 2*time.Second)
		if err == nil {
			return readAnswer(t, reply, 0)
		}
		if !errors.Is(err, nats.ErrTimeout) {
			t.Fatalf("asking for the status of %s: %v", sagaID, err)
		}
	}
	t.Fatalf("the question for the status of %s was never answered", sagaID)
	return answer{}
}

// checkout is the body of a request of user u42 for one piece. More fields may
// be added; each begins with a comma.
func checkout(sagaID, more string) string {
	return fmt.Sprintf(`{"saga_id":%q,"user_id":"u42","items":[{"sku":"abc123","quantity":1}],"shipping_address":"123 Main St"%s}`, sagaID, more)
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, within time.Duration, holds func() bool) {
	t.Helper()
	late := time.NewTimer(within)
	defer late.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-late.C:
			t.Fatalf("not within %v: %s", within, what)
		}
	}
}

// pass lets time pass: the random moments of a test, never a wait for something.
func pass(d time.Duration) { <-time.NewTimer(d).C }
