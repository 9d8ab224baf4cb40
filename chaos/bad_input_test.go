package chaos_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"amends/protocol"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
)

// canary stands in bad input where a value could be repeated to the sender, who
// must not see it again.
const canary = "canary"

// badInput is one row of the table of bad inputs.
type badInput struct {
	name   string
	body   string
	header nats.Header
	code   protocol.Code
	field  string
}

// TestBadInput sends bad input to the running program: a typed error that names
// the field and repeats nothing, no record written, no connection lost, and the
// next good request answered.
func TestBadInput(t *testing.T) {
	slow(t)
	s := newSite(t, "interval")
	p := s.start(roleServe)
	nc := s.connect()
	t.Run("checkout.start", func(t *testing.T) { badStarts(t, nc) })
	t.Run("identifiers", func(t *testing.T) { badIdentifiers(t, nc) })
	t.Run("questions", func(t *testing.T) { badQuestions(t, nc) })
	t.Run("commands", func(t *testing.T) { badCommands(t, nc) })
	t.Run("refused by the business", func(t *testing.T) { refusedOrders(t, nc) })
	for _, trouble := range []string{"lost NATS", "reports an error", "panicked"} {
		if lines := p.log.count(0, trouble); lines > 0 {
			t.Errorf("the log says %q %d times", trouble, lines)
		}
	}
	audit(t, s)
}

// refuse sends one bad input and checks the refusal.
func refuse(t *testing.T, nc *nats.Conn, subject string, in badInput) {
	t.Helper()
	reply, err := nc.RequestMsg(&nats.Msg{Subject: subject, Data: []byte(in.body), Header: in.header}, slowly)
	if err != nil {
		t.Errorf("%s: %v", in.name, err)
		return
	}
	var refused protocol.Error
	if err := json.Unmarshal(reply.Data, &refused); err != nil {
		t.Errorf("%s: the answer %q is no JSON: %v", in.name, reply.Data, err)
		return
	}
	if refused.Code != in.code || refused.Field != in.field {
		t.Errorf("%s: got %s of field %q (%s), want %s of %q", in.name, refused.Code, refused.Field, refused.Message, in.code, in.field)
	}
	if reply.Header.Get(micro.ErrorCodeHeader) == "" || reply.Header.Get(micro.ErrorHeader) == "" {
		t.Errorf("%s: the error is not marked in the headers of micro services: %v", in.name, reply.Header)
	}
	told := refused.Message + reply.Header.Get(micro.ErrorHeader)
	if strings.Contains(told, canary) || len(told) > 1000 {
		t.Errorf("%s: the error repeats the input: %s", in.name, told)
	}
}

// unchanged runs a test, after which some streams must be as before.
func unchanged(t *testing.T, nc *nats.Conn, streams []string, test func()) {
	t.Helper()
	before := make([]uint64, len(streams))
	for n, stream := range streams {
		before[n] = lastSequence(t, nc, stream)
	}
	test()
	for n, stream := range streams {
		if after := lastSequence(t, nc, stream); after != before[n] {
			t.Errorf("%d messages were stored in %s", after-before[n], stream)
		}
	}
}

// good holds that a good checkout on the same connection is answered.
func good(t *testing.T, nc *nats.Conn) {
	t.Helper()
	a := ask(t, nc, protocol.SubjectStart, checkout(fmt.Sprintf("good-%d", time.Now().UnixNano()), ""))
	if a.Status != protocol.StatusCompleted {
		t.Errorf("a good checkout is answered %+v", a)
	}
}

// badForms are bad for every endpoint, whatever the fields are called. The good
// body begins with a saga_id.
func badForms(body string) []badInput {
	const malformed, twice, large = protocol.CodeMalformedRequest, protocol.CodeDuplicateField, protocol.CodeTooLarge
	end := len(body) - 1
	rest := strings.TrimPrefix(body, "{")
	return []badInput{
		{name: "empty", body: ``, code: malformed},
		{name: "no JSON", body: canary, code: malformed},
		{name: "a list", body: `["canary"]`, code: malformed},
		{name: "a text", body: `"canary"`, code: malformed},
		{name: "cut off", body: body[:end], code: malformed},
		{name: "something behind it", body: body + canary, code: malformed},
		{name: "two objects", body: body + body, code: malformed},
		{name: "a byte order mark", body: "\xef\xbb\xbf" + body, code: malformed},
		{name: "no UTF-8", body: body[:end] + ",\"x\":\"canary\xff\"}", code: malformed},
		{name: "a NUL", body: body + "\x00", code: malformed},
		{name: "a comment", body: "/* canary */" + body, code: malformed},
		{name: "NaN", body: body[:end] + `,"x":NaN}`, code: malformed},
		{name: "half a surrogate pair", body: body[:end] + `,"x":"\ud83d"}`, code: malformed},
		{name: "one name twice", body: `{"saga_id":"canary",` + rest, code: twice, field: "saga_id"},
		{name: "one name in two spellings", body: body[:end] + `,"SAGA_ID":"canary"}`, code: twice, field: "SAGA_ID"},
		{name: "one name twice, deep inside", body: body[:end] + `,"x":[{"y":"canary","y":1}]}`, code: twice, field: "x[0].y"},
		{name: "64 KiB and a byte", body: body[:end] + `,"x":"` + strings.Repeat("c", protocol.MaxRequestBytes-len(body)-5) + `"}`, code: large},
		{name: "almost 1 MiB", body: body[:end] + `,"x":"` + strings.Repeat("c", 1<<20-4096) + `"}`, code: large},
		{name: "10,000 levels", body: body[:end] + `,"x":` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + `}`, code: large},
		{name: "1,000 fields", body: body[:end] + manyFields(1000) + `}`, code: large},
	}
}

func manyFields(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"x%d":0`, i)
	}
	return b.String()
}
