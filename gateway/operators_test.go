package gateway_test

import (
	"strings"
	"testing"

	"amends/gateway"
	"amends/protocol"
)

const (
	resolveBody = `{"step":2,"as":"done","evidence":"transfer 4711","reason":"by hand","by":"kim"}`
	killBody    = `{"kill":true,"reason":"fraud","by":"kim"}`
	token       = "correct horse battery staple"
)

// operators answers all acts, and says that c1 is at revision 7.
func operators(s *stage, standing string) {
	s.answer(protocol.SubjectStatus, `{"type":"checkout_status","saga_id":"c1","status":"STUCK","revision":7}`)
	for _, subject := range []string{protocol.SubjectCancel, protocol.SubjectRetry, protocol.SubjectResolve, protocol.SubjectMigrate} {
		s.answer(subject, `{"type":"checkout_accepted","saga_id":"c1","status":"`+standing+`"}`)
	}
	s.answer(protocol.SubjectPlan, `{"type":"checkout_plan","act":"cancel","sagas":[{"saga_id":"c1","status":"STUCK","then":"ABORTED","steps":[{"step":2,"command":"RefundPayment","service":"payment","compensating":true,"amount":249.90,"currency":"USD"}]}],"total":1,"refused":0,"returns":[{"amount":249.90,"currency":"USD"}]}`)
}

// Each verb is one request on NATS, about the saga of the path.
func TestActs(t *testing.T) {
	s := newStage(t)
	operators(s, "COMPENSATING")
	d := s.gateway()
	for _, c := range []struct{ path, body, ifMatch, subject, asked string }{
		{"cancel", "", "", protocol.SubjectCancel, `{"saga_id":"c1","wait_ms":0}`},
		{"cancel", `{"reason":"the customer called","by":"kim","wait_ms":50}`, `"7"`, protocol.SubjectCancel, `{"saga_id":"c1","reason":"the customer called","by":"kim","wait_ms":50}`},
		{"cancel?wait=5s", `{"saga_id":"c1"}`, "", protocol.SubjectCancel, `{"saga_id":"c1","wait_ms":5000}`},
		{"cancel", killBody, `"6", "7"`, protocol.SubjectCancel, `{"saga_id":"c1","kill":true,"reason":"fraud","by":"kim","wait_ms":0}`},
		{"retry", "", "*", protocol.SubjectRetry, `{"saga_id":"c1","wait_ms":0}`},
		{"retry?wait=1s", `{"by":"kim"}`, "", protocol.SubjectRetry, `{"saga_id":"c1","by":"kim","wait_ms":1000}`},
		{"resolve", resolveBody, `"7"`, protocol.SubjectResolve, `{"saga_id":"c1","step":2,"as":"done","evidence":"transfer 4711","reason":"by hand","by":"kim","wait_ms":0}`},
		{"resolve", strings.Replace(resolveBody, "{", `{"fields":{"payment_id":"p1"},`, 1), "*", protocol.SubjectResolve,
			`{"saga_id":"c1","step":2,"as":"done","fields":{"payment_id":"p1"},"evidence":"transfer 4711","reason":"by hand","by":"kim","wait_ms":0}`},
		{"migrate", "", "", protocol.SubjectMigrate, `{"saga_id":"c1"}`},
		{"migrate", `{"hash":"9f2c"}`, "", protocol.SubjectMigrate, `{"saga_id":"c1","hash":"9f2c"}`},
	} {
		var headers []string
		if c.ifMatch != "" {
			headers = []string{"If-Match", c.ifMatch}
		}
		a := d.post("/v1/sagas/c1/"+c.path, c.body, headers...).is(202, nil)
		if got := string(s.last(c.subject).Data); got != c.asked {
			t.Errorf("%s %s asked %s, want %s", c.path, c.body, got, c.asked)
		}
		if a.header.Get("Location") != "/v1/sagas/c1" {
			t.Errorf("%s is at %q", c.path, a.header.Get("Location"))
		}
	}
}

func TestAnActThatSettlesTheSagaIs200(t *testing.T) {
	s := newStage(t)
	operators(s, "ABORTED")
	s.gateway().post("/v1/sagas/c1/cancel?wait=5s", "").is(200, nil)
}

func TestActsThatAreRefusedHere(t *testing.T) {
	s := newStage(t)
	operators(s, "COMPENSATING")
	d := s.gateway()
	for _, c := range []struct {
		path, body, ifMatch string
		status              int
		code                protocol.Code
		field               string
	}{
		{"c1/cancel", `{"kill":true}`, "*", 422, protocol.CodeMissingField, "reason"},
		{"c1/cancel", killBody, "", 428, "if_match_required", "If-Match"},
		{"c1/cancel", killBody, `"6"`, 412, "revision_changed", "If-Match"},
		{"c1/cancel", killBody, `W/"7"`, 412, "revision_changed", "If-Match"},
		{"c1/cancel", "", `7`, 412, "revision_changed", "If-Match"},
		{"c1/cancel", `{"saga_id":"c2"}`, "", 422, protocol.CodeInvalidField, "saga_id"},
		{"c1/cancel", `{"wait_ms":60001}`, "", 422, protocol.CodeInvalidField, "wait_ms"},
		{"c1/cancel?wait=61s", ``, "", 422, protocol.CodeInvalidField, "wait"},
		{"c1/cancel", `{"kill":"yes"}`, "", 422, protocol.CodeInvalidField, "kill"},
		{"a.b/cancel", "", "", 422, protocol.CodeInvalidID, "saga_id"},
		{"c1/retry", "", `"8"`, 412, "revision_changed", "If-Match"},
		{"c1/retry", `{"by":"a\u0000b"}`, "", 422, protocol.CodeInvalidField, "by"},
		{"c1/resolve", resolveBody, "", 428, "if_match_required", "If-Match"},
		{"c1/resolve", "", "*", 422, protocol.CodeInvalidField, "step"},
		{"c1/resolve", `{"step":2,"as":"skip"}`, "*", 422, protocol.CodeMissingField, "reason"},
		{"c1/resolve", `{"step":2,"as":"maybe","reason":"r","by":"kim"}`, "*", 422, protocol.CodeInvalidField, "as"},
		{"c1/migrate", `{"hash":"a.b"}`, "", 422, protocol.CodeInvalidID, "hash"},
		{"c1/migrate?wait=1s", "", "", 422, protocol.CodeInvalidField, "wait"},
		{"c1/explode", "", "", 404, "no_such_route", ""},
	} {
		var headers []string
		if c.ifMatch != "" {
			headers = []string{"If-Match", c.ifMatch}
		}
		d.post("/v1/sagas/"+c.path, c.body, headers...).problem(c.status, c.code, c.field)
	}
	for _, subject := range []string{protocol.SubjectCancel, protocol.SubjectRetry, protocol.SubjectResolve, protocol.SubjectMigrate} {
		if n := len(s.requests(subject)); n != 0 {
			t.Errorf("%s was asked %d times", subject, n)
		}
	}
}

// What the saga itself refuses is told as it is.
func TestActsThatTheSagaRefuses(t *testing.T) {
	s := newStage(t)
	s.answer(protocol.SubjectCancel, `{"type":"error","code":"saga_ended","message":"has ended"}`)
	s.answer(protocol.SubjectRetry, `{"type":"error","code":"act_refused","message":"is not stuck"}`)
	s.answer(protocol.SubjectMigrate, `{"type":"error","code":"something_new","message":"secret internals"}`)
	d := s.gateway(func(c *gateway.Config) { c.Log = c.Log.Level(8) })
	d.post("/v1/sagas/c1/cancel", "").problem(409, protocol.CodeSagaEnded, "")
	d.post("/v1/sagas/c1/retry", "").problem(409, protocol.CodeActRefused, "")
	p := d.post("/v1/sagas/c1/migrate", "").problem(500, protocol.CodeInternal, "")
	if strings.Contains(p.Detail, "secret") {
		t.Errorf("told %q", p.Detail)
	}
	// Nobody answers resolve here: no orchestrator knows it.
	d.post("/v1/sagas/c1/resolve", resolveBody, "If-Match", "*").problem(503, protocol.CodeUnavailable, "")
}

func TestPlans(t *testing.T) {
	s := newStage(t)
	operators(s, "")
	d := s.gateway()
	var plan protocol.Plan
	d.post("/v1/plans", `{"act":"cancel","status":"STUCK","limit":5}`).is(200, &plan)
	if got := string(s.last(protocol.SubjectPlan).Data); got != `{"act":"cancel","status":"STUCK","limit":5}` {
		t.Errorf("asked %s", got)
	}
	if len(plan.Returns) != 1 || plan.Returns[0].Amount != "249.90" {
		t.Errorf("answered %+v", plan)
	}
	d.post("/v1/plans", "").problem(400, protocol.CodeMalformedRequest, "")
	d.post("/v1/plans", `{"act":"explode"}`).problem(422, protocol.CodeInvalidField, "act")
	d.post("/v1/plans", `{"act":"cancel","saga_id":"c1","status":"STUCK"}`).problem(422, protocol.CodeInvalidField, "saga_id")
}

// With a token, operators' verbs need it; what clients do does not.
func TestOperatorsHaveAToken(t *testing.T) {
	s := newStage(t)
	operators(s, "ABORTED")
	accepts(s, "PENDING")
	d := s.gateway(func(c *gateway.Config) { c.Token = token })
	for _, path := range []string{"/v1/sagas/c1/cancel", "/v1/sagas/c1/retry", "/v1/sagas/c1/resolve", "/v1/sagas/c1/migrate", "/v1/plans"} {
		for _, authorization := range []string{"", token, "Bearer", "Bearer ", "Bearer " + token + "x", "Bearer " + token[1:], "Basic " + token, "Bearer  " + token} {
			var headers []string
			if authorization != "" {
				headers = []string{"Authorization", authorization}
			}
			a := d.post(path, "", headers...)
			a.problem(401, "unauthorized", "Authorization")
			if !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Bearer") {
				t.Errorf("%s does not say how", path)
			}
		}
	}
	if s.all() != 0 {
		t.Error("an act was asked for without the token")
	}
	d.post("/v1/sagas/c1/cancel", "", "Authorization", "Bearer "+token).is(200, nil)
	d.post("/v1/sagas/c1/cancel", "", "Authorization", "bearer "+token).is(200, nil)
	d.post("/v1/checkouts", order).is(202, nil)
	d.get("/v1/sagas/c1").is(200, nil)
}
