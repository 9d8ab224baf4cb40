package gateway_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"amends/gateway"
	"amends/protocol"

	"github.com/nats-io/nats.go"
)

const order = `{"saga_id":"c1","user_id":"u42","items":[{"sku":"abc123","quantity":2}],"shipping_address":"123 Main St"}`

// orderOf is an order of one user.
func orderOf(id, user string) string {
	return strings.NewReplacer(`"c1"`, `"`+id+`"`, `"u42"`, `"`+user+`"`).Replace(order)
}

// nameless is an order without a saga_id.
const nameless = `{"user_id":"u42","items":[{"sku":"abc123","quantity":2}],"shipping_address":"123 Main St"}`

// accepts answers every start with a status.
func accepts(s *stage, status string) {
	s.respond(protocol.SubjectStart, func(m *nats.Msg) string {
		var r protocol.StartRequest
		if err := json.Unmarshal(m.Data, &r); err != nil {
			s.Error(err)
		}
		return fmt.Sprintf(`{"type":"checkout_accepted","saga_id":"%s","status":"%s"}`, r.SagaID, status)
	})
}

func started(s *stage) (r protocol.StartRequest) {
	s.Helper()
	s.must(json.Unmarshal(s.last(protocol.SubjectStart).Data, &r))
	return r
}

// X7: a client is answered at once unless it wants to wait, and 200 only once the
// saga has settled.
func TestAStartIsAnsweredByWhereTheSagaStands(t *testing.T) {
	for standing, want := range map[string]int{
		"PENDING": 202, "COMPENSATING": 202, "COMPLETED": 200, "ABORTED": 200, "STUCK": 200, "KILLED": 200,
	} {
		t.Run(standing, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			accepts(s, standing)
			a := s.gateway().post("/v1/checkouts", order)
			var outcome protocol.Outcome
			a.is(want, &outcome)
			if outcome.SagaID != "c1" || outcome.Status != standing || a.header.Get("Location") != "/v1/sagas/c1" {
				t.Errorf("answered %s at %q", a.body, a.header.Get("Location"))
			}
		})
	}
}

func TestAClientSaysHowLongItWaits(t *testing.T) {
	s := newStage(t)
	accepts(s, "PENDING")
	d := s.gateway()
	said := strings.Replace(order, "{", `{"wait_ms":1500,`, 1)
	for _, c := range []struct {
		query, body string
		want        int64
	}{
		{"", order, 0},
		{"", said, 1500},
		{"?wait=5s", order, 5000},
		{"?wait=250ms", said, 250},
		{"?wait=0s", said, 0},
		{"?wait=60s", order, 60_000},
		{"?wait=1m", order, 60_000},
	} {
		d.post("/v1/checkouts"+c.query, c.body).is(http.StatusAccepted, nil)
		if got := started(s).WaitMS; got == nil || *got != c.want {
			t.Errorf("%s with %s asked to wait %v, want %d", c.query, c.body, got, c.want)
		}
	}
	asked := s.all()
	for _, wait := range []string{"5", "61s", "-1s", "soon", "5s&wait=6s", "", "1e1s", "%20s"} {
		a := d.post("/v1/checkouts?wait="+wait, order)
		if a.status != http.StatusUnprocessableEntity && a.status != http.StatusBadRequest {
			t.Errorf("wait=%s answered %d", wait, a.status)
		}
	}
	if s.all() != asked {
		t.Error("a refused start was asked for")
	}
}

// D6: the same key is the same saga, whichever gateway gets it.
func TestAKeyNamesTheSaga(t *testing.T) {
	s := newStage(t)
	accepts(s, "PENDING")
	one, other := s.gateway(), s.gateway()
	id := func(d *door, body, key string) string {
		t.Helper()
		d.post("/v1/checkouts", body, "Idempotency-Key", key).is(http.StatusAccepted, nil)
		return started(s).SagaID
	}
	first := id(one, nameless, "8e03978e-40d5-43dd-bc93-6894a57f9324")
	if first == "8e03978e-40d5-43dd-bc93-6894a57f9324" || protocol.CheckID("saga_id", first) != nil {
		t.Errorf("the key became %q", first)
	}
	for _, same := range []string{"8e03978e-40d5-43dd-bc93-6894a57f9324", `"8e03978e-40d5-43dd-bc93-6894a57f9324"`} {
		if again := id(other, nameless, same); again != first {
			t.Errorf("%s became %s, and %s before", same, again, first)
		}
	}
	if another := id(one, nameless, "8e03978e-40d5-43dd-bc93-6894a57f9325"); another == first {
		t.Error("another key is the same saga")
	}
	if named := id(one, order, "8e03978e"); named != "c1" {
		t.Errorf("a body with a saga_id became %s", named)
	}
	long := strings.Repeat("k", 255)
	if id(one, nameless, long) == id(one, nameless, long[1:]) {
		t.Error("two keys are one saga")
	}
}

func TestWithoutAKeyEachStartIsASagaOfItsOwn(t *testing.T) {
	s := newStage(t)
	accepts(s, "PENDING")
	d := s.gateway()
	d.post("/v1/checkouts", nameless).is(http.StatusAccepted, nil)
	first := started(s).SagaID
	d.post("/v1/checkouts", nameless).is(http.StatusAccepted, nil)
	if second := started(s).SagaID; first == second || first == "" {
		t.Errorf("%q and %q", first, second)
	}
}

func TestKeysThatAreNone(t *testing.T) {
	s := newStage(t)
	accepts(s, "PENDING")
	d := s.gateway()
	for _, key := range []string{strings.Repeat("k", 256), "käse", "a\tb", "", `""`} {
		d.post("/v1/checkouts", nameless, "Idempotency-Key", key).problem(422, protocol.CodeInvalidField, "Idempotency-Key")
	}
	d.post("/v1/checkouts", nameless, "Idempotency-Key", "a", "Idempotency-Key", "b").problem(400, protocol.CodeDuplicateField, "Idempotency-Key")
	if n := s.all(); n != 0 {
		t.Errorf("%d starts were asked for", n)
	}
}

// D7: the same key with other content is a conflict, never a replay.
func TestAConflictSaysWhatIsTaken(t *testing.T) {
	s := newStage(t)
	s.answer(protocol.SubjectStart, `{"type":"error","code":"saga_id_conflict","message":"is taken","field":"saga_id"}`)
	d := s.gateway()
	d.post("/v1/checkouts", nameless, "Idempotency-Key", "k1").problem(409, protocol.CodeIdempotencyConflict, "Idempotency-Key")
	d.post("/v1/checkouts", order, "Idempotency-Key", "k1").problem(409, protocol.CodeSagaIDConflict, "saga_id")
	d.post("/v1/checkouts", order).problem(409, protocol.CodeSagaIDConflict, "saga_id")
}

// A definition may ask for fields that the gateway knows nothing of, so all that
// was sent goes on; what counts for nothing is for the orchestrator to tell. A
// second spelling of a field that the gateway sets would be a duplicate.
func TestWhatWasSentGoesOn(t *testing.T) {
	s := newStage(t)
	s.answer(protocol.SubjectStart, `{"type":"checkout_accepted","saga_id":"c1","status":"PENDING","warnings":["unknown field ignored: gift"]}`)
	d := s.gateway()
	var outcome protocol.Outcome
	d.post("/v1/checkouts", `{"definition":"resale","seat":"A<7>","SAGA_ID":"x","wAit_ms":5,"gift":true}`, "Idempotency-Key", "k").is(202, &outcome)
	if fmt.Sprint(outcome.Warnings) != "[unknown field ignored: gift]" {
		t.Errorf("warned of %q", outcome.Warnings)
	}
	id := started(s).SagaID
	want := `{"definition":"resale","gift":true,"saga_id":"` + id + `","seat":"A<7>","wait_ms":0}`
	if got := string(s.last(protocol.SubjectStart).Data); got != want {
		t.Errorf("asked for %s, want %s", got, want)
	}
}

// D9: without an answer it is not known whether the saga began; the client learns
// its id, to ask again.
func TestAStartWithoutAnAnswerNamesItsSaga(t *testing.T) {
	s := newStage(t)
	s.answer(protocol.SubjectStart, "")
	d := s.gateway(func(c *gateway.Config) { c.Timeout = 50 * time.Millisecond })
	a := d.post("/v1/checkouts", nameless, "Idempotency-Key", "k1")
	eventually(t, "it was asked for", func() bool { return s.all() == 1 })
	if p := a.problem(503, protocol.CodeUnavailable, ""); p.SagaID != started(s).SagaID {
		t.Errorf("named %q, asked for %q", p.SagaID, started(s).SagaID)
	}
	if a.header.Get("Retry-After") != "1" {
		t.Errorf("Retry-After is %q", a.header.Get("Retry-After"))
	}
	if p := d.post("/v1/checkouts", order).problem(503, protocol.CodeUnavailable, ""); p.SagaID != "" {
		t.Error("repeated the saga_id of the client")
	}
}

// S3-13 and W3C Trace Context: what names a request goes all the way.
func TestNamesTravel(t *testing.T) {
	s := newStage(t)
	accepts(s, "PENDING")
	d := s.gateway()
	const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	a := d.post("/v1/checkouts", order, "traceparent", parent, "tracestate", "vendor=1", "X-Request-Id", "r-1")
	h := s.last(protocol.SubjectStart).Header
	if h.Get("traceparent") != parent || h.Get("tracestate") != "vendor=1" || h.Get("X-Request-Id") != "r-1" || a.header.Get("X-Request-Id") != "r-1" {
		t.Errorf("asked with %v, answered with %v", h, a.header)
	}
	for _, bad := range []string{"00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "x", parent + "-1"} {
		a := d.post("/v1/checkouts", order, "traceparent", bad, "X-Request-Id", "no good\u00e9")
		h := s.last(protocol.SubjectStart).Header
		if h.Get("traceparent") != "" || a.header.Get("X-Request-Id") == "" || protocol.CheckID("", h.Get("X-Request-Id")) != nil {
			t.Errorf("passed on %v", h)
		}
	}
}
