package protocol_test

import (
	"encoding/json"
	"strings"
	"testing"

	"amends/protocol"
)

// Requests of operators that are good; the tables spoil one thing of each.

func goodCancel() protocol.CancelRequest {
	return protocol.CancelRequest{SagaID: "checkout42", Reason: "called", By: "ann", WaitMS: milliseconds(4000)}
}

func goodRetry() protocol.RetryRequest {
	return protocol.RetryRequest{SagaID: "checkout42", Reason: "bank is back", By: "ann", WaitMS: milliseconds(0)}
}

func goodResolve() protocol.ResolveRequest {
	return protocol.ResolveRequest{
		SagaID: "checkout42", Step: 2, As: "done", Evidence: "transfer 4711", Reason: "refunded by hand", By: "ann",
		Fields: map[string]json.RawMessage{"payment_id": json.RawMessage(`"p1"`)}, WaitMS: milliseconds(60_000),
	}
}

func goodMigrate() protocol.MigrateRequest {
	return protocol.MigrateRequest{SagaID: "checkout42", Hash: "9f2c", Reason: "fixed", By: "ann"}
}

func goodPlan() protocol.PlanRequest {
	return protocol.PlanRequest{Act: "cancel", Filter: protocol.Filter{Status: "STUCK"}, Limit: 20}
}

var (
	longNote  = strings.Repeat("é", 256) + "x" // 513 bytes
	fullNote  = strings.Repeat("é", 256)       // 512 bytes
	breakNote = "canary\nline"
)

// spoiltBy is a good message of one kind with one thing changed.
func spoiltBy[M validator](good func() M, spoil func(*M)) validator {
	m := good()
	spoil(&m)
	return m
}

type (
	cancelling = protocol.CancelRequest
	retrying   = protocol.RetryRequest
	resolving  = protocol.ResolveRequest
	migrating  = protocol.MigrateRequest
	planning   = protocol.PlanRequest
)

// acts are the requests of operators, each field wrong in each way.
var acts = []struct {
	name    string
	message validator
	code    protocol.Code // "" where the request is good
	field   string
}{
	{"cancel", goodCancel(), "", ""},
	{"cancel, least", cancelling{SagaID: "checkout42"}, "", ""},
	{"cancel nothing", spoiltBy(goodCancel, func(r *cancelling) { r.SagaID = "" }), missing, "saga_id"},
	{"cancel a pattern", spoiltBy(goodCancel, func(r *cancelling) { r.SagaID = "*" }), badID, "saga_id"},
	{"cancel, longest reason", spoiltBy(goodCancel, func(r *cancelling) { r.Reason = fullNote }), "", ""},
	{"cancel, long reason", spoiltBy(goodCancel, func(r *cancelling) { r.Reason = longNote }), tooLarge, "reason"},
	{"cancel, two lines", spoiltBy(goodCancel, func(r *cancelling) { r.Reason = breakNote }), invalid, "reason"},
	{"cancel, long by", spoiltBy(goodCancel, func(r *cancelling) { r.By = longNote }), tooLarge, "by"},
	{"cancel, no UTF-8", spoiltBy(goodCancel, func(r *cancelling) { r.By = "canary\xff" }), invalid, "by"},
	{"cancel, no wait_ms", spoiltBy(goodCancel, func(r *cancelling) { r.WaitMS = nil }), "", ""},
	{"cancel, wait_ms -1", spoiltBy(goodCancel, func(r *cancelling) { *r.WaitMS = -1 }), invalid, "wait_ms"},
	{"cancel, wait_ms 60001", spoiltBy(goodCancel, func(r *cancelling) { *r.WaitMS = 60_001 }), invalid, "wait_ms"},

	{"kill", spoiltBy(goodCancel, func(r *cancelling) { r.Kill = true }), "", ""},
	{"kill for no reason", spoiltBy(goodCancel, func(r *cancelling) { r.Kill, r.Reason = true, "" }), missing, "reason"},
	{"kill for blanks", spoiltBy(goodCancel, func(r *cancelling) { r.Kill, r.Reason = true, " \t" }), missing, "reason"},
	{"kill by nobody", spoiltBy(goodCancel, func(r *cancelling) { r.Kill, r.By = true, "" }), missing, "by"},

	{"retry", goodRetry(), "", ""},
	{"retry, least", retrying{SagaID: "checkout42"}, "", ""},
	{"retry nothing", spoiltBy(goodRetry, func(r *retrying) { r.SagaID = "" }), missing, "saga_id"},
	{"retry a path", spoiltBy(goodRetry, func(r *retrying) { r.SagaID = "../x" }), badID, "saga_id"},
	{"retry, long reason", spoiltBy(goodRetry, func(r *retrying) { r.Reason = longNote }), tooLarge, "reason"},
	{"retry, two lines", spoiltBy(goodRetry, func(r *retrying) { r.By = breakNote }), invalid, "by"},
	{"retry, wait_ms 60001", spoiltBy(goodRetry, func(r *retrying) { *r.WaitMS = 60_001 }), invalid, "wait_ms"},

	{"resolve", goodResolve(), "", ""},
	{"resolve without fields", spoiltBy(goodResolve, func(r *resolving) { r.Fields = nil }), "", ""},
	{"resolve nothing", spoiltBy(goodResolve, func(r *resolving) { r.SagaID = "" }), missing, "saga_id"},
	{"resolve a subject", spoiltBy(goodResolve, func(r *resolving) { r.SagaID = "a.b" }), badID, "saga_id"},
	{"resolve step 0", spoiltBy(goodResolve, func(r *resolving) { r.Step = 0 }), invalid, "step"},
	{"resolve step 65", spoiltBy(goodResolve, func(r *resolving) { r.Step = 65 }), invalid, "step"},
	{"resolve as nothing", spoiltBy(goodResolve, func(r *resolving) { r.As = "" }), missing, "as"},
	{"resolve as another", spoiltBy(goodResolve, func(r *resolving) { r.As = "canary" }), invalid, "as"},
	{"done without evidence", spoiltBy(goodResolve, func(r *resolving) { r.Evidence = "" }), missing, "evidence"},
	{"done with long evidence", spoiltBy(goodResolve, func(r *resolving) { r.Evidence = longNote }), tooLarge, "evidence"},
	{"resolve for no reason", spoiltBy(goodResolve, func(r *resolving) { r.Reason = "" }), missing, "reason"},
	{"resolve by nobody", spoiltBy(goodResolve, func(r *resolving) { r.By = "" }), missing, "by"},
	{"resolve, wait_ms -1", spoiltBy(goodResolve, func(r *resolving) { *r.WaitMS = -1 }), invalid, "wait_ms"},
	{"skip", spoiltBy(goodResolve, func(r *resolving) { r.As, r.Fields, r.Evidence = "skip", nil, "" }), "", ""},
	{"skip with evidence", spoiltBy(goodResolve, func(r *resolving) { r.As, r.Fields = "skip", nil }), "", ""},
	{"skip with fields", spoiltBy(goodResolve, func(r *resolving) { r.As = "skip" }), invalid, "fields"},

	{"migrate", goodMigrate(), "", ""},
	{"migrate, least", migrating{SagaID: "checkout42"}, "", ""},
	{"migrate nothing", spoiltBy(goodMigrate, func(r *migrating) { r.SagaID = "" }), missing, "saga_id"},
	{"migrate to a pattern", spoiltBy(goodMigrate, func(r *migrating) { r.Hash = ">" }), badID, "hash"},
	{"migrate, two lines", spoiltBy(goodMigrate, func(r *migrating) { r.Reason = breakNote }), invalid, "reason"},
	{"migrate, long by", spoiltBy(goodMigrate, func(r *migrating) { r.By = longNote }), tooLarge, "by"},
	{"migrate, wait_ms -1", spoiltBy(goodMigrate, func(r *migrating) { r.WaitMS = milliseconds(-1) }), invalid, "wait_ms"},

	{"plan", goodPlan(), "", ""},
	{"plan for all", planning{Act: "cancel"}, "", ""},
	{"plan for one", planning{Act: "kill", SagaID: "checkout42"}, "", ""},
	{"plan of a deadline", planning{Act: "deadline"}, "", ""},
	{"plan of a retry", planning{Act: "retry"}, "", ""},
	{"plan of a migration", planning{Act: "migrate"}, "", ""},
	{"plan of nothing", planning{}, missing, "act"},
	{"plan of a resolution", planning{Act: protocol.ActResolve}, invalid, "act"},
	{"plan of another act", planning{Act: "canary"}, invalid, "act"},
	{"plan for a bad saga", planning{Act: "cancel", SagaID: "a b"}, badID, "saga_id"},
	{"plan for one and many", spoiltBy(goodPlan, func(r *planning) { r.SagaID = "checkout42" }), invalid, "saga_id"},
	{"plan for a bad status", spoiltBy(goodPlan, func(r *planning) { r.Status = "canary" }), invalid, "status"},
	{"plan, limit -1", spoiltBy(goodPlan, func(r *planning) { r.Limit = -1 }), invalid, "limit"},
	{"plan, limit 1000", spoiltBy(goodPlan, func(r *planning) { r.Limit = 1000 }), "", ""},
	{"plan, limit 1001", spoiltBy(goodPlan, func(r *planning) { r.Limit = 1001 }), invalid, "limit"},

	{"definitions", protocol.DefinitionsRequest{}, "", ""},
	{"definitions of a name", protocol.DefinitionsRequest{Name: "checkout"}, "", ""},
	{"definitions of a path", protocol.DefinitionsRequest{Name: "checkout.yaml"}, badID, "name"},

	{"row", protocol.RowQuery{SagaID: "checkout42", Step: 64}, "", ""},
	{"row of nothing", protocol.RowQuery{Step: 1}, missing, "saga_id"},
	{"row of a pattern", protocol.RowQuery{SagaID: ">", Step: 1}, badID, "saga_id"},
	{"row of step 0", protocol.RowQuery{SagaID: "checkout42"}, invalid, "step"},
	{"row of step 65", protocol.RowQuery{SagaID: "checkout42", Step: 65}, invalid, "step"},
	{"stock", protocol.StockQuery{SKU: "abc123"}, "", ""},
	{"stock of nothing", protocol.StockQuery{}, missing, "sku"},
	{"stock of a key", protocol.StockQuery{SKU: "stock.abc123"}, badID, "sku"},
}

func TestOperatorRequestsValidate(t *testing.T) {
	for _, c := range acts {
		t.Run(c.name, func(t *testing.T) { checkValidity(t, c.message, c.code, c.field) })
	}
}

// checkValidity holds a message to be good, or to be refused with a code and a
// field.
func checkValidity(t *testing.T, message validator, code protocol.Code, field string) {
	t.Helper()
	err := message.Validate()
	if code != "" {
		checkRefusal(t, err, code, field)
	} else if err != nil {
		t.Errorf("refused: %v", err)
	}
}

// TestFilterValidate holds the filter of checkout.list and of checkout.plan: what
// could match nothing is refused rather than answered by an empty list.
func TestFilterValidate(t *testing.T) {
	for _, c := range []struct {
		filter protocol.Filter
		code   protocol.Code
		field  string
	}{
		{protocol.Filter{}, "", ""},
		{protocol.Filter{Status: "PENDING"}, "", ""},
		{protocol.Filter{Status: "COMPENSATING"}, "", ""},
		{protocol.Filter{Status: "COMPLETED"}, "", ""},
		{protocol.Filter{Status: "ABORTED"}, "", ""},
		{protocol.Filter{Status: "STUCK"}, "", ""},
		{protocol.Filter{Status: "KILLED"}, "", ""},
		{protocol.Filter{Status: "stuck"}, invalid, "status"},
		{protocol.Filter{Status: "canary"}, invalid, "status"},
		{protocol.Filter{Definition: "checkout"}, "", ""},
		{protocol.Filter{Definition: "a.b"}, badID, "definition"},
		{protocol.Filter{Step: "charge"}, "", ""},
		{protocol.Filter{Step: "charge *"}, badID, "step"},
		{protocol.Filter{Code: "insufficient_funds"}, "", ""},
		{protocol.Filter{Code: longNote}, tooLarge, "code"},
		{protocol.Filter{Code: breakNote}, invalid, "code"},
		{protocol.Filter{Incident: "any"}, "", ""},
		{protocol.Filter{Incident: "compensation_failed"}, "", ""},
		{protocol.Filter{Incident: "definition_unknown"}, "", ""},
		{protocol.Filter{Incident: "canary"}, invalid, "incident"},
		{protocol.Filter{OlderThanMS: 31_622_400_000}, "", ""},
		{protocol.Filter{OlderThanMS: 31_622_400_001}, invalid, "older_than_ms"},
		{protocol.Filter{OlderThanMS: -1}, invalid, "older_than_ms"},
	} {
		checkValidity(t, protocol.ListRequest{Filter: c.filter}, c.code, c.field)
		checkValidity(t, protocol.PlanRequest{Act: "cancel", Filter: c.filter}, c.code, c.field)
	}
}

// TestResolveFieldsAreDecodedStrictly holds that the fields an operator brings
// are an object in which no name stands twice.
func TestResolveFieldsAreDecodedStrictly(t *testing.T) {
	const head = `{"saga_id":"s1","step":2,"as":"done","evidence":"e","reason":"r","by":"b","fields":`
	var good protocol.ResolveRequest
	if _, err := protocol.Decode([]byte(head+`{"payment_id":"p1","parts":[1, 2]}}`), &good); err != nil {
		t.Fatal(err)
	}
	if string(good.Fields["payment_id"]) != `"p1"` || string(good.Fields["parts"]) != `[1, 2]` {
		t.Errorf("got %s", good.Fields)
	}
	for fields, code := range map[string]protocol.Code{
		`["canary"]`: invalid, `"canary"`: invalid, `{"a":1,"a":2}`: duplicate, `{"a":1,"A":2}`: duplicate,
	} {
		var bad protocol.ResolveRequest
		_, err := protocol.Decode([]byte(head+fields+`}`), &bad)
		if got := protocol.AsError(err); got.Code != code || strings.Contains(got.Error(), "canary") {
			t.Errorf("%s: got %v, want %s", fields, got, code)
		}
	}
}
