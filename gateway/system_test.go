package gateway_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"amends/embedded"
	"amends/gateway"
	"amends/protocol"

	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"
)

// system is a gateway in front of the whole system, and a client on its NATS.
func system(t *testing.T, change ...func(*gateway.Config)) (*door, *nats.Conn) {
	t.Helper()
	app := embedded.New(embedded.Config{
		Server:      &embedded.ServerConfig{Data: filepath.Join(t.TempDir(), "nats"), Durability: embedded.Interval, Log: zerolog.Nop()},
		Development: true, Log: zerolog.Nop(),
	})
	if err := app.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = app.Stop(t.Context()) })
	client, err := app.Conn(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	own, err := app.Conn(t.Context(), "gateway")
	if err != nil {
		t.Fatal(err)
	}
	return open(t, own, change...), client
}

// The whole way: a checkout is started, followed and looked up over HTTP.
func TestACheckoutOverHTTP(t *testing.T) {
	d, _ := system(t)
	d.get("/readyz").is(200, nil)
	var first, again protocol.Outcome
	d.post("/v1/checkouts?wait=20s", order).is(200, &first)
	if first.Status != protocol.StatusCompleted || first.OrderID == "" {
		t.Errorf("answered %+v", first)
	}
	d.post("/v1/checkouts", order).is(200, &again)
	if again.OrderID != first.OrderID {
		t.Errorf("first %+v, again %+v", first, again)
	}
	d.post("/v1/checkouts?wait=20s", orderOf("c1", "u43")).problem(409, protocol.CodeSagaIDConflict, "saga_id")

	var declined protocol.Outcome
	d.post("/v1/checkouts?wait=20s", orderOf("c2", "u999")).is(200, &declined)
	if declined.Status != protocol.StatusAborted || declined.Reason != "Payment declined: DECLINED" {
		t.Errorf("answered %+v", declined)
	}

	var status protocol.Status
	a := d.get("/v1/sagas/c2").is(200, &status)
	if status.Status != protocol.StatusAborted || a.header.Get("ETag") != fmt.Sprintf(`"%d"`, status.Revision) {
		t.Errorf("answered %s with %s", a.body, a.header.Get("ETag"))
	}
	d.get("/v1/sagas/c2", "If-None-Match", a.header.Get("ETag")).is(304, nil)
	d.get("/v1/sagas/nothing").problem(404, protocol.CodeSagaNotFound, "saga_id")

	var list protocol.List
	d.get("/v1/sagas?status=ABORTED").is(200, &list)
	if list.Total != 1 || list.Sagas[0].SagaID != "c2" {
		t.Errorf("answered %+v", list)
	}
}

// D6, D7: the same key with the same content is the same checkout; with other
// content it is a conflict.
func TestKeysOverHTTP(t *testing.T) {
	d, _ := system(t)
	var first, again protocol.Outcome
	d.post("/v1/checkouts?wait=20s", nameless, "Idempotency-Key", "k1").is(200, &first)
	d.post("/v1/checkouts?wait=20s", nameless, "Idempotency-Key", `"k1"`).is(200, &again)
	if first.OrderID != again.OrderID || first.SagaID != again.SagaID || first.OrderID == "" {
		t.Errorf("first %+v, again %+v", first, again)
	}
	d.post("/v1/checkouts?wait=20s", strings.Replace(nameless, "u42", "u43", 1), "Idempotency-Key", "k1").problem(409, protocol.CodeIdempotencyConflict, "Idempotency-Key")
}

// A stream tells every event once, in order, and says how it ended: from the
// beginning of the saga, from its end, and whenever it was opened between.
func TestAStreamOverHTTP(t *testing.T) {
	d, client := system(t)
	var all sync.WaitGroup
	for n := range 8 {
		id, user, want := fmt.Sprintf("s%d", n), "u42", "1 2 3 4 COMPLETED end=4.end closed"
		if n%2 == 1 {
			user, want = "u999", "1 2 3 4 ABORTED end=4.end closed"
		}
		body := strings.Replace(orderOf(id, user), "{", `{"wait_ms":0,`, 1)
		if _, err := client.Request(protocol.SubjectStart, []byte(body), patience); err != nil {
			t.Fatal(err)
		}
		all.Go(func() {
			var told []string
			for part := range strings.FieldsSeq(d.watch(id).story("")) {
				if part != "PENDING" && part != "COMPENSATING" {
					told = append(told, part)
				}
			}
			if got := strings.Join(told, " "); got != want {
				t.Errorf("%s told %s, want %s", id, got, want)
			}
		})
	}
	all.Wait()
}

// No route accepts what checkout.start refuses, and each says the same of it:
// code and field; but never a name that the client made up.
func TestHTTPRefusesWhatNATSRefuses(t *testing.T) {
	d, client := system(t)
	bad := []string{order, strings.Replace(order, "{", `{"definition":"nosuch",`, 1), ""}
	for _, form := range forms {
		bad = append(bad, form.make(order))
	}
	for _, change := range [][2]string{
		{`"u42"`, `""`}, {`"u42"`, `null`}, {`"u42"`, `4711`}, {`"u42"`, `"4111111111111111"`}, {`"u42"`, `"a.b"`}, {`"u42"`, `">"`}, {`"u42"`, `"é"`},
		{`"c1"`, `"a b"`}, {`"c1"`, `"` + strings.Repeat("x", 65) + `"`}, {`"c1"`, `"..\u0000"`}, {`"c1"`, `7`},
		{`[{"sku":"abc123","quantity":2}]`, `[]`}, {`[{"sku":"abc123","quantity":2}]`, `{}`}, {`[{"sku":"abc123","quantity":2}]`, `["x"]`},
		{`"quantity":2}`, `"quantity":2},{"sku":"abc123","quantity":1}`}, {`"sku":"abc123",`, ``}, {`"abc123"`, `"$KV.x"`},
		{`"quantity":2`, `"quantity":0`}, {`"quantity":2`, `"quantity":-1`}, {`"quantity":2`, `"quantity":2.0`}, {`"quantity":2`, `"quantity":1e2`},
		{`"quantity":2`, `"quantity":1001`}, {`"quantity":2`, `"quantity":9223372036854775808`}, {`"quantity":2`, `"quantity":"2"`},
		{`"123 Main St"`, `" "`}, {`"123 Main St"`, `"a\r\nX: 1"`}, {`"123 Main St"`, `"` + strings.Repeat("é", 257) + `"`}, {`"123 Main St"`, `"4111 1111 1111 1111"`},
		{`{"saga`, `{"type":"refund","saga`}, {`{"saga`, `{"wait_ms":-1,"saga`}, {`{"saga`, `{"wait_ms":60001,"saga`}, {`{"saga`, `{"wait_ms":"1","saga`},
		{`{"saga`, `{"msg_id":{"x":1},"saga`}, {`{"saga`, `{"msg_id":true,"saga`}, {`{"saga`, `{"definition":"a.b","saga`},
		{`{"saga`, `{"SAGA_ID":"x","saga`}, {`{"saga`, `{"user_id":"x","saga`}, {`"sku"`, `"SKU":"x","sku"`},
	} {
		if !strings.Contains(order, change[0]) {
			t.Fatalf("%q changes nothing", change)
		}
		bad = append(bad, strings.Replace(order, change[0], change[1], 1))
	}
	for _, body := range bad[1:] {
		reply, err := client.Request(protocol.SubjectStart, []byte(body), patience)
		if err != nil {
			t.Fatal(err)
		}
		var over protocol.Error
		if err := json.Unmarshal(reply.Data, &over); err != nil || over.Code == "" {
			t.Fatalf("checkout.start takes %.200s: %s", body, reply.Data)
		}
		a := d.post("/v1/checkouts", body)
		var p gateway.Problem
		if err := json.Unmarshal(a.body, &p); err != nil || a.status < 400 {
			t.Errorf("%.200s\nover NATS %s, over HTTP %d %s", body, reply.Data, a.status, a.body)
			continue
		}
		if p.Code != over.Code || !strings.HasPrefix(over.Field, p.Field) || p.Field != over.Field && !madeUp(over.Field) {
			t.Errorf("%.200s\nover NATS %s, over HTTP %s", body, reply.Data, a.body)
		}
	}
	var list protocol.List
	if d.get("/v1/sagas").is(200, &list); list.Total != 0 {
		t.Errorf("something was started: %+v", list)
	}
}

// madeUp reports whether a path holds a name that no field has.
func madeUp(path string) bool {
	known := []string{"saga_id", "user_id", "items", "sku", "quantity", "shipping_address", "definition", "wait_ms", "msg_id", "type"}
	for part := range strings.SplitSeq(path, ".") {
		if name, _, _ := strings.Cut(part, "["); !slices.Contains(known, name) {
			return true
		}
	}
	return false
}

// NATS away is told at once, and over when it is back: nobody hangs.
func TestNATSAway(t *testing.T) {
	s := newStage(t)
	accepts(s, "PENDING")
	s.answer(protocol.SubjectStatus, `{"type":"error","code":"saga_not_found","message":"is the id of no saga here","field":"saga_id"}`)
	d := s.gateway()
	d.get("/readyz").is(200, nil)
	s.server.Stop()
	begin := time.Now()
	for _, path := range []string{"/v1/checkouts?wait=60s", "/orders"} {
		body := map[bool]string{true: seedOrder, false: order}[path == "/orders"]
		if a := d.post(path, body); a.problem(503, protocol.CodeUnavailable, "").Code != "" && a.header.Get("Retry-After") != "1" {
			t.Errorf("%s: Retry-After is %q", path, a.header.Get("Retry-After"))
		}
	}
	for _, path := range []string{"/v1/sagas", "/v1/sagas/c1", "/v1/sagas/c1/events", "/v1/incidents", "/v1/definitions", "/orders"} {
		d.get(path).problem(503, protocol.CodeUnavailable, "")
	}
	if took := time.Since(begin); took > patience/2 {
		t.Errorf("telling so took %s", took)
	}
	eventually(t, "readiness is red", func() bool { return d.get("/readyz").status == 503 })
	d.get("/livez").is(200, nil)
	if a := d.get("/metrics").is(200, nil); !strings.Contains(string(a.body), "amends_gateway_nats_connected 0") {
		t.Error("the metric says that NATS is there")
	}
	s.server.Start(t)
	eventually(t, "readiness is green", func() bool { return d.get("/readyz").status == 200 })
	d.post("/v1/checkouts", order).is(202, nil)
}

// Readiness is what an orchestrator answers, not the state of a connection; and
// many who ask cost one canary.
func TestReadinessIsACanary(t *testing.T) {
	s := newStage(t)
	d := s.gateway()
	d.get("/readyz").problem(503, protocol.CodeUnavailable, "")
	s.answer(protocol.SubjectStatus, `{"type":"error","code":"saga_not_found","message":"is the id of no saga here","field":"saga_id"}`)
	eventually(t, "readiness is green", func() bool { return d.get("/readyz").status == 200 })
	before := len(s.requests(protocol.SubjectStatus))
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() { d.get("/readyz") })
	}
	all.Wait()
	if after := len(s.requests(protocol.SubjectStatus)); after > before+2 {
		t.Errorf("20 who asked cost %d canaries", after-before)
	}
}

func TestReadinessFailsWhenTheJournalDoes(t *testing.T) {
	s := newStage(t)
	s.answer(protocol.SubjectStatus, `{"type":"error","code":"unavailable","message":"the journal cannot be read now; try again"}`)
	s.gateway().get("/readyz").problem(503, protocol.CodeUnavailable, "")
}
