package protocol_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"strings"
	"testing"
	"unicode/utf8"

	"amends/protocol"
)

// FuzzDecode compares the scanner with what encoding/json says of the same
// bytes: it takes nothing that is not JSON, not one object, too deep or
// ambiguous, and it calls nothing malformed that is none of these.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"type":"checkout","msg_id":1,"saga_id":"checkout42","user_id":"u42",` +
			`"items":[{"sku":"abc123","quantity":2}],"shipping_address":"x"}`,
		`{"saga_id":"a","SAGA_ID":"b"}`, `{"items":[{"quantity":2.0}]}`, `{"\u0053aga_id":"x"}`, `{"ſaga_id":"x"}`,
		`{"a":[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}`, `{"user_id":"\ud83d\udca9","x":-0.5e+7}`,
		"\xef\xbb\xbf{}", "{\"user_id\":\"\xff\"}",
		` { } `, `[]`, `{"wait_ms":9223372036854775808}`, `{"user_id":"\ud83d"}`, `{"items":{"x":1}}`, `{"k":1,"K":2}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var got protocol.StartRequest
		unknown, err := protocol.Decode(data, &got)
		if err == nil {
			checkTaken(t, data, unknown, got)
			return
		}
		e, ok := errors.AsType[*protocol.Error](err)
		if !ok {
			t.Fatalf("%v is no *Error", err)
		}
		wellFormed := utf8.Valid(data) && json.Valid(data) && bytes.TrimLeft(data, " \t\r\n")[0] == '{'
		if e.Code == protocol.CodeMalformedRequest && wellFormed && !bytes.Contains(data, []byte(`\u`)) {
			t.Errorf("%q was refused: %v", data, e)
		}
		if e.Status() == "" {
			t.Errorf("%v has no status", e)
		}
	})
}

// checkTaken holds what was taken to encoding/json's view of it.
func checkTaken(t *testing.T, data []byte, unknown []string, got protocol.StartRequest) {
	t.Helper()
	if !utf8.Valid(data) || !json.Valid(data) || len(data) > protocol.MaxRequestBytes {
		t.Fatalf("%q was taken", data)
	}
	if len(unknown) > protocol.MaxWarnings {
		t.Errorf("%d unknown fields are named", len(unknown))
	}
	if depth, duplicate := structure(t, data); depth > protocol.MaxDepth || duplicate {
		t.Errorf("%q was taken: depth %d, duplicate %v", data, depth, duplicate)
	}
	again := marshal(t, got)
	var second protocol.StartRequest
	if unknown, err := protocol.Decode([]byte(again), &second); err != nil || len(unknown) > 0 {
		t.Errorf("%s was written from %q, but not taken again: %v, unknown %q", again, data, err, unknown)
	}
}

// structure walks the tokens of a JSON text: how deep it nests, and whether an
// object has one name twice.
func structure(t *testing.T, data []byte) (depth int, duplicate bool) {
	t.Helper()
	tokens := json.NewDecoder(bytes.NewReader(data))
	tokens.UseNumber()
	type frame struct {
		names  []string
		inList bool
		name   bool // the next token is a name
	}
	var open []frame
	for {
		token, err := tokens.Token()
		if errors.Is(err, io.EOF) {
			return depth, duplicate
		}
		if err != nil {
			t.Fatal(err)
		}
		if name, ok := token.(string); ok && len(open) > 0 && open[len(open)-1].name {
			top := &open[len(open)-1]
			for _, earlier := range top.names {
				duplicate = duplicate || strings.EqualFold(earlier, name)
			}
			top.names, top.name = append(top.names, name), false
			continue
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			open = append(open, frame{inList: token == json.Delim('['), name: token == json.Delim('{')})
			depth = max(depth, len(open))
			continue
		case json.Delim('}'), json.Delim(']'):
			open = open[:len(open)-1]
		}
		if len(open) > 0 {
			open[len(open)-1].name = !open[len(open)-1].inList
		}
	}
}

// FuzzParseMoney compares with math/big and holds that what is written is read
// back.
func FuzzParseMoney(f *testing.F) {
	amounts := []string{"249.99", "0", "-0", "1e2", "01", "1.", ".5", "9223372036854775808", "0.001", "NaN"}
	for _, amount := range amounts {
		for _, currency := range []string{"USD", "JPY", "KWD", "XXX"} {
			f.Add(amount, currency)
		}
	}
	f.Fuzz(func(t *testing.T, amount, currency string) {
		m, err := protocol.ParseMoney("amount", protocol.Decimal(amount), currency)
		if err != nil {
			if _, ok := errors.AsType[*protocol.Error](err); !ok {
				t.Fatalf("%v is no *Error", err)
			}
			return
		}
		given, ok := new(big.Rat).SetString(amount)
		written, _ := new(big.Rat).SetString(string(m.Decimal()))
		if !ok || m.Minor < 0 || given.Cmp(written) != 0 {
			t.Errorf("%q %s became %s", amount, currency, m)
		}
		again, err := protocol.ParseMoney("amount", m.Decimal(), currency)
		if err != nil || again != m {
			t.Errorf("%q %s was written as %s and read as %s, %v", amount, currency, m, again, err)
		}
	})
}

// FuzzParseReply holds that no reply of any worker does more than be refused.
func FuzzParseReply(f *testing.F) {
	for _, seed := range []string{
		`{"type":"Pay_ok","saga_id":"s1","step":2,"payment_id":"p1","x":null}`,
		`{"type":"Pay_failed","saga_id":"s1","step":2,"error":"no"}`,
		`{"type":"Pay_error","saga_id":"s1","step":2,"error":"e","retryable":true}`,
		`{"type":"error","code":"internal","message":"m"}`,
		`{"type":"Pay_pending","saga_id":"s1","step":2,"request_id":"q1"}`,
		`{"type":"Pay_pending","saga_id":"s1","step":2,"request_id":{}}`,
		`{"type":"Pay_ok","saga\u005fid":"s1","step":2}`, `{"type":1,"saga_id":[],"step":{}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := protocol.ParseReply("Pay", sagaID(t, "s1"), 2, data)
		if err != nil {
			if _, ok := errors.AsType[*protocol.Error](err); !ok || a.Verdict != 0 {
				t.Fatalf("verdict %v, error %v", a.Verdict, err)
			}
			return
		}
		if a.Verdict == 0 || a.SagaID != "s1" || a.Step != 2 {
			t.Errorf("%q was taken as %+v", data, a)
		}
		for name, value := range a.Fields {
			if !json.Valid(value) || string(value) == "null" {
				t.Errorf("field %q is %q", name, value)
			}
		}
	})
}

// FuzzRequests holds the requests of operators and the newer commands: whatever
// comes is either refused by a code of ours or good, and then written again as
// something that is good.
func FuzzRequests(f *testing.F) {
	for _, seed := range []string{
		`{"saga_id":"s1","kill":true,"reason":"r","by":"b","wait_ms":0}`,
		`{"saga_id":"s1","step":2,"as":"done","fields":{"payment_id":"p1"},"evidence":"e","reason":"r","by":"b"}`,
		`{"saga_id":"s1","step":1,"as":"skip","fields":{},"reason":"r","by":"b"}`, `{"saga_id":"s1","hash":"9f2c"}`,
		`{"act":"cancel","status":"STUCK","incident":"any","older_than_ms":1,"limit":1000}`, `{"act":"kill","saga_id":"s1"}`,
		`{"type":"RequestPayment","saga_id":"s1","step":2,"user_id":"u1","amount":1.50,` +
			`"callback":"checkout.callback.s1.2.t"}`,
		`{"type":"CapturePayment","saga_id":"s1","step":2,"authorization_id":"a1","amount":1e2}`,
		`{"type":"RefundPayment","saga_id":"s1","step":2,"compensating":true,"reversal":true}`,
		`{"type":"QueryStep","saga_id":"s1","step":64}`, `{"outcome":"known","reply":{"type":"Pay_ok"}}`, `{"fields":[]}`,
		`{"authorization_id":"a1","expires_at":"2026-11-28T10:00:00Z"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		checkRequest[protocol.CancelRequest](t, data)
		checkRequest[protocol.RetryRequest](t, data)
		checkRequest[protocol.ResolveRequest](t, data)
		checkRequest[protocol.MigrateRequest](t, data)
		checkRequest[protocol.PlanRequest](t, data)
		checkRequest[protocol.RequestPayment](t, data)
		checkRequest[protocol.CapturePayment](t, data)
		checkRequest[protocol.RefundPayment](t, data)
		checkRequest[protocol.QueryStep](t, data)
		checkRequest[protocol.QueryStepOK](t, data)
		checkRequest[protocol.AuthorizePaymentOK](t, data)
	})
}

// checkRequest decodes and validates the data as a message of one kind.
func checkRequest[M validator](t *testing.T, data []byte) {
	t.Helper()
	message, err := decoded[M](data)
	if err != nil {
		if e, ok := errors.AsType[*protocol.Error](err); !ok || e.Status() == "" {
			t.Errorf("%T: %v is no *Error with a status", message, err)
		}
		return
	}
	if _, err := decoded[M]([]byte(marshal(t, message))); err != nil {
		t.Errorf("%T was taken from %q, but not from %s: %v", message, data, marshal(t, message), err)
	}
}

func decoded[M validator](data []byte) (message M, err error) {
	if _, err := protocol.Decode(data, &message); err != nil {
		return message, err
	}
	return message, message.Validate()
}
