package gateway_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"amends/gateway"
	"amends/protocol"

	"github.com/nats-io/nats.go"
)

func TestAListIsAFilterInAQuery(t *testing.T) {
	s := newStage(t)
	s.answer(protocol.SubjectList, `{"type":"checkout_list","sagas":[{"saga_id":"c1","definition":"checkout","status":"STUCK","incident":"poison","started_at":"","updated_at":""}],"total":7}`)
	d := s.gateway()
	var list protocol.List
	d.get("/v1/sagas?status=STUCK&definition=checkout&step=charge&code=insufficient_funds&incident=any&older_than_ms=60000&limit=20").is(200, &list)
	want := `{"status":"STUCK","definition":"checkout","step":"charge","code":"insufficient_funds","incident":"any","older_than_ms":60000,"limit":20}`
	if got := string(s.last(protocol.SubjectList).Data); got != want {
		t.Errorf("asked %s", got)
	}
	if list.Total != 7 || len(list.Sagas) != 1 || list.Sagas[0].Incident != "poison" {
		t.Errorf("answered %+v", list)
	}
	d.get("/v1/sagas").is(200, nil)
	if got := string(s.last(protocol.SubjectList).Data); got != `{}` {
		t.Errorf("asked %s", got)
	}
}

func TestQueriesThatAreRefused(t *testing.T) {
	s := newStage(t)
	d := s.gateway()
	for _, path := range []string{"/v1/sagas", "/v1/incidents"} {
		for query, want := range map[string]struct {
			status int
			code   protocol.Code
			field  string
		}{
			"?status=DONE":                         {422, protocol.CodeInvalidField, "status"},
			"?status=stuck":                        {422, protocol.CodeInvalidField, "status"},
			"?definition=a.b":                      {422, protocol.CodeInvalidID, "definition"},
			"?limit=1001":                          {422, protocol.CodeInvalidField, "limit"},
			"?limit=-1":                            {422, protocol.CodeInvalidField, "limit"},
			"?limit=1.0":                           {422, protocol.CodeInvalidField, "limit"},
			"?limit=%2B1":                          {422, protocol.CodeInvalidField, "limit"},
			"?limit=01":                            {422, protocol.CodeInvalidField, "limit"},
			"?limit=0x1":                           {422, protocol.CodeInvalidField, "limit"},
			"?limit=":                              {422, protocol.CodeInvalidField, "limit"},
			"?limit":                               {422, protocol.CodeInvalidField, "limit"},
			"?limit=1&limit=2":                     {400, protocol.CodeDuplicateField, "limit"},
			"?older_than_ms=99999e9":               {422, protocol.CodeInvalidField, "older_than_ms"},
			"?older_than_ms=999999999999999999999": {422, protocol.CodeInvalidField, "older_than_ms"},
			"?staus=STUCK":                         {422, protocol.CodeInvalidField, ""},
			"?Status=STUCK":                        {422, protocol.CodeInvalidField, ""},
			"?status=%zz":                          {400, protocol.CodeMalformedRequest, ""},
			"?a=1;b=2":                             {400, protocol.CodeMalformedRequest, ""},
		} {
			d.get(path+query).problem(want.status, want.code, want.field)
		}
	}
	if s.all() != 0 {
		t.Error("a refused question was asked")
	}
}

func TestASagaHasItsRevisionForAnETag(t *testing.T) {
	s := newStage(t)
	s.answer(protocol.SubjectStatus, `{"type":"checkout_status","saga_id":"c1","status":"STUCK","revision":7,"incidents":[{"saga_id":"c1","kind":"poison"}]}`)
	d := s.gateway()
	var status protocol.Status
	a := d.get("/v1/sagas/c1").is(200, &status)
	if a.header.Get("ETag") != `"7"` || a.header.Get("Cache-Control") != "no-cache" || status.Revision != 7 || len(status.Incidents) != 1 {
		t.Errorf("answered %s with %v", a.body, a.header)
	}
	for tag, want := range map[string]int{`"7"`: 304, `W/"7"`: 304, `"1", "7"`: 304, `*`: 304, `"8"`: 200, `7`: 200} {
		if a := d.get("/v1/sagas/c1", "If-None-Match", tag); a.status != want || a.header.Get("ETag") != `"7"` || want == 304 && len(a.body) > 0 {
			t.Errorf("If-None-Match %s answered %d %s", tag, a.status, a.body)
		}
	}
	for _, id := range []string{"a.b", "a%20b", "%2A", "a%00b", "%C3%A9"} {
		d.get("/v1/sagas/"+id).problem(422, protocol.CodeInvalidID, "saga_id")
	}
}

func TestDefinitions(t *testing.T) {
	s := newStage(t)
	s.answer(protocol.SubjectDefinitions, `{"type":"checkout_definitions","definitions":[{"name":"checkout","hash":"9f2c","loaded":true,"steps":["reserve","charge","ship"]}]}`)
	d := s.gateway()
	var all protocol.Definitions
	d.get("/v1/definitions?name=checkout").is(200, &all)
	if got := string(s.last(protocol.SubjectDefinitions).Data); got != `{"name":"checkout"}` || len(all.Definitions) != 1 || !all.Definitions[0].Loaded {
		t.Errorf("asked %s, answered %+v", got, all)
	}
	d.get("/v1/definitions?name=a.b").problem(422, protocol.CodeInvalidID, "name")
}

// Incidents are those of the sagas that have some, as their records tell.
func TestIncidents(t *testing.T) {
	s := newStage(t)
	s.answer(protocol.SubjectList, `{"type":"checkout_list","sagas":[{"saga_id":"c1"},{"saga_id":"gone"},{"saga_id":"c2"}],"total":3}`)
	s.respond(protocol.SubjectStatus, func(m *nats.Msg) string {
		var r protocol.StatusRequest
		s.must(json.Unmarshal(m.Data, &r))
		if r.SagaID == "gone" {
			return `{"type":"error","code":"saga_not_found","message":"is the id of no saga here","field":"saga_id"}`
		}
		return fmt.Sprintf(`{"type":"checkout_status","saga_id":"%[1]s","status":"STUCK","incidents":[
			{"saga_id":"%[1]s","kind":"poison","cause":"it panics","actions":["kill"]},
			{"saga_id":"%[1]s","kind":"step_failed","cause":"no","at_risk":{"amount":249.90,"currency":"USD"},"actions":["retry"]}]}`, r.SagaID)
	})
	d := s.gateway()
	kinds := func(query string) (told []string) {
		t.Helper()
		var list gateway.Incidents
		a := d.get("/v1/incidents"+query).is(200, &list)
		if list.Sagas != 3 || list.Type != "incidents" {
			t.Errorf("answered %s", a.body)
		}
		for _, i := range list.Incidents {
			told = append(told, i.SagaID+" "+i.Kind)
			if i.AtRisk != nil && i.AtRisk.Amount != "249.90" {
				t.Errorf("money became %s", i.AtRisk.Amount)
			}
		}
		return told
	}
	if told := fmt.Sprint(kinds("")); told != "[c1 poison c1 step_failed c2 poison c2 step_failed]" {
		t.Errorf("told %s", told)
	}
	if asked := string(s.last(protocol.SubjectList).Data); asked != `{"incident":"any"}` {
		t.Errorf("asked %s", asked)
	}
	if told := fmt.Sprint(kinds("?incident=poison&limit=5")); told != "[c1 poison c2 poison]" {
		t.Errorf("told %s", told)
	}
	if asked := string(s.last(protocol.SubjectList).Data); asked != `{"incident":"poison","limit":5}` {
		t.Errorf("asked %s", asked)
	}
}

// A saga that cannot be looked up leaves no hole in the list: there is no list.
func TestIncidentsAreAllOrNone(t *testing.T) {
	s := newStage(t)
	s.answer(protocol.SubjectList, `{"type":"checkout_list","sagas":[{"saga_id":"c1"},{"saga_id":"c2"}],"total":2}`)
	s.respond(protocol.SubjectStatus, func(m *nats.Msg) string {
		if string(m.Data) == `{"saga_id":"c2"}` {
			return `{"type":"error","code":"unavailable","message":"the journal cannot be read now; try again"}`
		}
		return `{"type":"checkout_status","saga_id":"c1"}`
	})
	s.gateway().get("/v1/incidents").problem(503, protocol.CodeUnavailable, "")
}

func TestNoIncidentIsAnEmptyList(t *testing.T) {
	s := newStage(t)
	s.answer(protocol.SubjectList, `{"type":"checkout_list","sagas":[],"total":0}`)
	a := s.gateway().get("/v1/incidents").is(200, nil)
	if string(a.body) != `{"type":"incidents","incidents":[],"sagas":0}`+"\n" {
		t.Errorf("answered %s", a.body)
	}
}
