package gateway_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"amends/gateway"
	"amends/protocol"

	"github.com/nats-io/nats.go"
)

// dial opens a connection and sends text as it stands.
func (d *door) dial(text string) net.Conn {
	d.Helper()
	conn, err := net.DialTimeout("tcp", strings.TrimPrefix(d.url, "http://"), patience)
	if err != nil {
		d.Fatal(err)
	}
	d.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		d.Fatal(err)
	}
	if _, err := io.WriteString(conn, text); err != nil {
		d.Fatal(err)
	}
	return conn
}

// rest is what comes until the server closes the connection.
func (d *door) rest(conn net.Conn) string {
	d.Helper()
	all, err := io.ReadAll(conn)
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
		d.Fatalf("the connection stays open; it said %q", all)
	}
	return string(all)
}

// A client that sends slowly on purpose does not hold its connection.
func TestSlowClients(t *testing.T) {
	s := newStage(t)
	d := s.gateway(func(c *gateway.Config) { c.HeaderTimeout, c.BodyTimeout = 100*time.Millisecond, 100*time.Millisecond })
	head := "POST /v1/checkouts HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
	for name, text := range map[string]string{
		"nothing":         "",
		"half a line":     "POST /v1/ch",
		"half a head":     head,
		"a body of a GET": "GET /v1/sagas HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n{",
		"half a body":     head + "Content-Length: 100\r\n\r\n{\"user_id\":",
		"half a chunk":    head + "Transfer-Encoding: chunked\r\n\r\n5\r\n{\"us",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := &door{t, d.Gateway, d.url}
			told := d.rest(d.dial(text))
			if strings.Contains(text, "\r\n\r\n") && !strings.Contains(told, "body_too_slow") {
				t.Errorf("told %q", told)
			}
		})
	}
}

// The deadline of the body is not that of the answer: a client that waits is not
// one that has gone away.
func TestWaitingIsNotSlow(t *testing.T) {
	s := newStage(t)
	answers := make(chan string)
	s.respond(protocol.SubjectStart, func(*nats.Msg) string { return <-answers })
	d := s.gateway(func(c *gateway.Config) { c.HeaderTimeout, c.BodyTimeout = 50*time.Millisecond, 50*time.Millisecond })
	time.AfterFunc(500*time.Millisecond, func() { answers <- `{"type":"checkout_complete","saga_id":"c1","status":"COMPLETED"}` })
	d.post("/v1/checkouts?wait=10s", order).is(200, nil)
}

// Bounds on bytes, of bodies and heads.
func TestGreatRequests(t *testing.T) {
	s := newStage(t)
	d := s.gateway()
	long := strings.Repeat("x", protocol.MaxRequestBytes)
	d.post("/v1/checkouts", `{"x":"`+long+`"}`).problem(413, protocol.CodeTooLarge, "")
	d.post("/nothing", `{"x":"`+long+`"}`).problem(413, protocol.CodeTooLarge, "")
	chunked := "POST /v1/checkouts HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
	for range 17 {
		chunked += "1000\r\n" + strings.Repeat("x", 4096) + "\r\n"
	}
	response, err := http.ReadResponse(bufio.NewReader(d.dial(chunked)), nil)
	s.must(err)
	if s.must(response.Body.Close()); response.StatusCode != 413 || !response.Close {
		t.Errorf("told %+v", response)
	}
	if told := d.rest(d.dial("GET /livez HTTP/1.1\r\nHost: localhost\r\nX: " + long + "\r\n\r\n")); !strings.Contains(told, "431 ") {
		t.Errorf("told %q", told)
	}
	if told := d.rest(d.dial("GET /" + long + " HTTP/1.1\r\nHost: localhost\r\n\r\n")); !strings.Contains(told, "431 ") {
		t.Errorf("told %q", told)
	}
	if s.all() != 0 {
		t.Error("somebody was asked")
	}
}

// A client that goes away is not waited for.
func TestAClientThatGoesAway(t *testing.T) {
	s := newStage(t)
	s.answer(protocol.SubjectStart, "")
	d := s.gateway()
	conn := d.dial(fmt.Sprintf("POST /v1/checkouts?wait=60s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s", len(order), order))
	eventually(t, "it is being asked", func() bool { return s.all() == 1 })
	s.must(conn.Close())
	eventually(t, "nothing is in flight", func() bool { return d.metric("amends_gateway_requests_in_flight") == "1" })
}

// metric is the value of a metric without labels.
func (d *door) metric(name string) string {
	d.Helper()
	for line := range strings.Lines(string(d.get("/metrics").is(200, nil).body)) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// Whoever waits when NATS goes away is told so, and the name of its saga.
func TestNATSGoesAwayWhileAClientWaits(t *testing.T) {
	s := newStage(t)
	s.answer(protocol.SubjectStart, "")
	d := s.gateway()
	told := make(chan answered, 1)
	go func() { told <- d.post("/v1/checkouts?wait=60s", nameless) }()
	eventually(t, "it is being asked", func() bool { return s.all() == 1 })
	begin := time.Now()
	s.server.Stop()
	if p := (<-told).problem(503, protocol.CodeUnavailable, ""); p.SagaID != started(s).SagaID {
		t.Errorf("named %q", p.SagaID)
	}
	if took := time.Since(begin); took > patience/2 {
		t.Errorf("it took %s", took)
	}
}

// Stopping: readiness is red while the rest still serves; what is in flight is
// finished; and only then the port is closed.
func TestDrain(t *testing.T) {
	s := newStage(t)
	answers := make(chan string)
	s.respond(protocol.SubjectStart, func(*nats.Msg) string { return <-answers })
	s.answer(protocol.SubjectStatus, `{"type":"error","code":"saga_not_found","message":"is the id of no saga here","field":"saga_id"}`)
	j := s.journal()
	j.has("open", "RUNNING", 1)
	d := s.gateway(func(c *gateway.Config) { c.DrainDelay = 2 * time.Second })
	d.get("/readyz").is(200, nil)
	told := make(chan answered, 1)
	go func() { told <- d.post("/v1/checkouts?wait=60s", order) }()
	eventually(t, "it is being asked", func() bool { return len(s.requests(protocol.SubjectStart)) == 1 })

	stopped := make(chan error, 1)
	go func() { stopped <- d.Stop(context.Background()) }()
	eventually(t, "readiness is red", func() bool { return d.get("/readyz").status == 503 })
	d.get("/livez").is(200, nil)
	d.get("/v1/sagas/c1").problem(404, protocol.CodeSagaNotFound, "saga_id")
	if told := d.watch("open").story(""); told != "1 PENDING closed" {
		t.Errorf("a watcher that came late is told %s", told)
	}
	eventually(t, "the port is closed", func() bool {
		conn, err := net.Dial("tcp", strings.TrimPrefix(d.url, "http://"))
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	})
	select {
	case err := <-stopped:
		t.Fatalf("stopped with a request in flight: %v", err)
	default:
	}
	answers <- `{"type":"checkout_complete","saga_id":"c1","status":"COMPLETED"}`
	(<-told).is(200, nil)
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if err := d.Stop(context.Background()); err != nil {
		t.Errorf("stopping again: %v", err)
	}
}

// What does not finish in time is told so; nobody is cut off without a word.
func TestADrainThatTakesTooLong(t *testing.T) {
	s := newStage(t)
	s.answer(protocol.SubjectStart, "")
	d := s.gateway(func(c *gateway.Config) { c.DrainTimeout = 50 * time.Millisecond })
	told := make(chan answered, 1)
	go func() { told <- d.post("/v1/checkouts?wait=60s", nameless) }()
	eventually(t, "it is being asked", func() bool { return s.all() == 1 })
	if err := d.Stop(context.Background()); err != nil {
		t.Error(err)
	}
	if p := (<-told).problem(503, protocol.CodeUnavailable, ""); p.SagaID == "" || !strings.Contains(p.Detail, "stopping") {
		t.Errorf("told %+v", p)
	}
}

// More connections than the bound wait for their turn.
func TestConnectionsAreBounded(t *testing.T) {
	s := newStage(t)
	d := s.gateway(func(c *gateway.Config) { c.MaxConns = 1; c.HeaderTimeout = time.Minute })
	const ask = "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
	first, second := d.dial(ask), d.dial(ask)
	if line, err := bufio.NewReader(first).ReadString('\n'); err != nil || !strings.Contains(line, "200") {
		t.Fatalf("told %q, %v", line, err)
	}
	s.must(second.SetReadDeadline(time.Now().Add(50 * time.Millisecond)))
	if n, err := second.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Error("a second connection was served")
	}
	s.must(first.Close())
	s.must(second.SetReadDeadline(time.Now().Add(patience)))
	if line, err := bufio.NewReader(second).ReadString('\n'); err != nil || !strings.Contains(line, "200") {
		t.Errorf("told %q, %v", line, err)
	}
}

// One address after the other, as document 003 and document 004 name theirs; one
// that is taken is told at once, and leaves nothing behind.
func TestAddresses(t *testing.T) {
	s := newStage(t)
	d := s.gateway(func(c *gateway.Config) { c.Listen = []string{"127.0.0.1:0", "127.0.0.1:0"} })
	for _, address := range d.Addresses() {
		response, err := http.Get("http://" + address + "/livez")
		s.must(err)
		s.must(response.Body.Close())
	}
	g, err := gateway.New(gateway.Config{Conn: s.server.Connect(t), Listen: []string{"127.0.0.1:0", d.Addresses()[0]}})
	s.must(err)
	if err := g.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("got %v", err)
	}
	s.must(g.Stop(t.Context()))
}

// What is counted, and under which names; a client cannot make up new ones.
func TestMetrics(t *testing.T) {
	s := newStage(t)
	everything(s)
	d := s.gateway()
	var all sync.WaitGroup
	for n := range 50 {
		all.Go(func() {
			d.post("/v1/checkouts", orderOf(fmt.Sprintf("c%d", n), "u42"))
			d.get(fmt.Sprintf("/v1/sagas/%s%d", canary, n))
			d.get(fmt.Sprintf("/%s%d?x=%d", canary, n, n))
			d.do(fmt.Sprintf("%s%d", strings.ToUpper(canary), n), "/orders", "")
		})
	}
	all.Wait()
	d.post("/v1/checkouts", "x")
	text := string(d.get("/metrics").is(200, nil).body)
	for _, line := range []string{
		`amends_gateway_requests_total{route="POST /v1/checkouts",status="202"} 50`,
		`amends_gateway_requests_total{route="POST /v1/checkouts",status="400"} 1`,
		`amends_gateway_requests_total{route="GET /v1/sagas/{id}",status="200"} 50`,
		`amends_gateway_requests_total{route="none",status="404"} 50`,
		`amends_gateway_requests_total{route="none",status="405"} 50`,
		`amends_gateway_problems_total{code="malformed_request"} 1`,
		`amends_gateway_request_seconds_count{route="POST /v1/checkouts"} 51`,
		`amends_gateway_requests_in_flight 1`,
		`amends_gateway_event_streams 0`,
		`amends_gateway_nats_connected 1`,
		`go_goroutines`,
	} {
		if !strings.Contains(text, line) {
			t.Errorf("there is no %s in\n%s", line, grep(text, "amends_"))
		}
	}
	if strings.Contains(text, canary) {
		t.Error("a label holds what a client sent")
	}
}

func grep(text, what string) (found string) {
	for line := range strings.Lines(text) {
		if strings.Contains(line, what) && !strings.Contains(line, "_bucket") {
			found += line
		}
	}
	return found
}
