package gateway_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"amends/gateway"
	"amends/protocol"
	"amends/worker/workertest"

	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"
)

// patience is how long a test waits for something that must happen.
const patience = 20 * time.Second

// stage is a NATS server on which a test answers by hand, in the place of
// orchestrators and services.
type stage struct {
	testing.TB
	server *workertest.NATS
	nats   *nats.Conn

	mu    sync.Mutex
	asked map[string][]*nats.Msg // by subject, in the order of arrival
}

func newStage(t testing.TB) *stage {
	t.Helper()
	s := &stage{TB: t, server: workertest.Server(t), asked: make(map[string][]*nats.Msg)}
	s.nats = s.server.Connect(t)
	return s
}

// answer answers a subject with always the same words; "" is silence.
func (s *stage) answer(subject, text string) {
	s.Helper()
	s.respond(subject, func(*nats.Msg) string { return text })
}

func (s *stage) respond(subject string, say func(*nats.Msg) string) {
	s.Helper()
	_, err := s.nats.Subscribe(subject, func(m *nats.Msg) {
		s.mu.Lock()
		s.asked[m.Subject] = append(s.asked[m.Subject], m)
		s.mu.Unlock()
		if text := say(m); text != "" {
			_ = m.Respond([]byte(text))
		}
	})
	s.must(err)
	s.must(s.nats.Flush())
}

// requests are those that came on a subject.
func (s *stage) requests(subject string) []*nats.Msg {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*nats.Msg(nil), s.asked[subject]...)
}

// last is the last request on a subject.
func (s *stage) last(subject string) *nats.Msg {
	s.Helper()
	all := s.requests(subject)
	if len(all) == 0 {
		s.Fatalf("nobody asked on %s", subject)
	}
	return all[len(all)-1]
}

// all is how many requests came in sum.
func (s *stage) all() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, requests := range s.asked {
		n += len(requests)
	}
	return n
}

// gateway starts a gateway on a free port.
func (s *stage) gateway(change ...func(*gateway.Config)) *door {
	s.Helper()
	return open(s.TB, s.server.Connect(s.TB), change...)
}

func (s *stage) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// door is a gateway that listens.
type door struct {
	testing.TB
	*gateway.Gateway
	url string
}

func open(t testing.TB, nc *nats.Conn, change ...func(*gateway.Config)) *door {
	t.Helper()
	cfg := gateway.Config{Conn: nc, Listen: []string{"127.0.0.1:0"}, Log: zerolog.New(zerolog.NewTestWriter(t)).Level(zerolog.ErrorLevel)}
	for _, c := range change {
		c(&cfg)
	}
	g, err := gateway.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = g.Stop(ctx)
	})
	return &door{TB: t, Gateway: g, url: "http://" + g.Addresses()[0]}
}

// answered is what came back.
type answered struct {
	testing.TB
	status int
	header http.Header
	body   []byte
}

// do sends a request; headers are names and values in turn. A body is JSON.
func (d *door) do(method, path, body string, headers ...string) answered {
	d.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, d.url+path, bytes.NewReader([]byte(body)))
	if err != nil {
		d.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for n := 0; n < len(headers); n += 2 {
		if headers[n] == "Host" {
			r.Host = headers[n+1]
			continue
		}
		r.Header[http.CanonicalHeaderKey(headers[n])] = append(r.Header[http.CanonicalHeaderKey(headers[n])], headers[n+1])
	}
	return d.send(r)
}

func (d *door) send(r *http.Request) answered {
	d.Helper()
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		d.Fatal(err)
	}
	defer response.Body.Close()
	all, err := io.ReadAll(response.Body)
	if err != nil {
		d.Fatal(err)
	}
	return answered{d.TB, response.StatusCode, response.Header, all}
}

func (d *door) get(path string, headers ...string) answered {
	d.Helper()
	return d.do(http.MethodGet, path, "", headers...)
}

func (d *door) post(path, body string, headers ...string) answered {
	d.Helper()
	return d.do(http.MethodPost, path, body, headers...)
}

// is checks the status and decodes the body.
func (a answered) is(status int, into any) answered {
	a.Helper()
	if a.status != status {
		a.Fatalf("answered %d, want %d: %s", a.status, status, a.body)
	}
	if into != nil {
		if err := json.Unmarshal(a.body, into); err != nil {
			a.Fatalf("answered what is no JSON: %s", a.body)
		}
	}
	return a
}

// problem checks that the answer is a problem of one code, about one field.
func (a answered) problem(status int, code protocol.Code, field string) gateway.Problem {
	a.Helper()
	var p gateway.Problem
	if err := json.Unmarshal(a.body, &p); err != nil || a.header.Get("Content-Type") != "application/problem+json" {
		a.Fatalf("answered %d %s, no problem: %s", a.status, a.header.Get("Content-Type"), a.body)
	}
	if a.status != status || p.Status != status || p.Code != code || p.Field != field {
		a.Errorf("answered %d %s about %q, want %d %s about %q: %s", a.status, p.Code, p.Field, status, code, field, a.body)
	}
	if p.Title == "" || p.Type != "/documentation#"+string(p.Code) || p.RequestID != a.header.Get("X-Request-Id") || p.RequestID == "" {
		a.Errorf("a problem that is not whole: %s", a.body)
	}
	return p
}

// eventually waits until a condition holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline.C:
			t.Fatalf("waited in vain for: %s", what)
		case <-tick.C:
		}
	}
}
