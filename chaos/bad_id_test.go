package chaos_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"amends/protocol"

	"github.com/nats-io/nats.go"
)

// badIDs could escape from a subject, a key, a page or a log, if anybody let
// them in.
var badIDs = []string{
	"a.b", ".", "..", "a.", ".a", "a..b", "*", ">", "a*", "a>b", "$KV", "$KV.SAGAS.a", "_INBOX.x", "$JS.API.STREAM.DELETE.KV_SAGAS",
	"a b", " a", "a ", "a\tb", "a\nb", "a\r\nNats-Msg-Id: x", "a\x00b", "\x7f", "\u0085",
	"a/b", "../../etc/passwd", `a\b`, "a:b", "a@b", "a,b", "a;b", "a'b", `a"b`, "a`b", "a%2eb", "a+b", "a=b", "a#b", "a?b", "a&b", "a|b",
	"(a)", "[a]", "{a}", "<script>", "ü", "日本", "🙂", "a\u200bb", "\u202eabc", "\u212a", "ａｂｃ", "\ufeffa",
	strings.Repeat("c", 65), strings.Repeat("c", 255), strings.Repeat("c", 5000),
}

// badIdentifiers: everywhere where an identifier of a client could reach a
// subject or a key, a bad one is refused with the name of its field, and the
// connection stays: 5,000 characters in a subject would end it for good.
func badIdentifiers(t *testing.T, nc *nats.Conn) {
	for n, id := range badIDs {
		text, err := json.Marshal(id)
		if err != nil {
			t.Fatal(err)
		}
		name := fmt.Sprintf("identifier %d %.40q", n, id)
		unchanged(t, nc, orchestratorStreams, func() {
			for field, place := range map[string]string{"saga_id": `"bad-start"`, "user_id": `"u42"`, "items[0].sku": `"abc123"`} {
				body := strings.Replace(goodStart, place, string(text), 1)
				refuse(t, nc, protocol.SubjectStart, badInput{name: name, body: body, code: protocol.CodeInvalidID, field: field})
			}
			body := strings.Replace(goodStart, `{`, fmt.Sprintf(`{"definition":%s,`, text), 1)
			refuse(t, nc, protocol.SubjectStart, badInput{name: name, body: body, code: protocol.CodeInvalidID, field: "definition"})
			body = fmt.Sprintf(`{"saga_id":%s}`, text)
			refuse(t, nc, protocol.SubjectStatus, badInput{name: name, body: body, code: protocol.CodeInvalidID, field: "saga_id"})
		})
		unchanged(t, nc, workerStreams, func() {
			for _, c := range commandRows {
				body := strings.Replace(c.body, `"bad-command"`, string(text), 1)
				refuse(t, nc, c.subject, badInput{name: name, body: body, code: protocol.CodeInvalidID, field: "saga_id"})
			}
		})
	}
	good(t, nc)
}

// badQuestions: questions are checked as strictly as orders.
func badQuestions(t *testing.T, nc *nats.Conn) {
	const asked = `{"saga_id":"nosuch"}`
	for _, in := range append(badForms(asked),
		badInput{name: "no saga_id", body: `{}`, code: protocol.CodeMissingField, field: "saga_id"},
		badInput{name: "unknown saga", body: asked, code: protocol.CodeSagaNotFound, field: "saga_id"},
	) {
		refuse(t, nc, protocol.SubjectStatus, in)
	}
	for _, in := range []badInput{
		{name: "unknown status", body: `{"status":"canary"}`, code: protocol.CodeInvalidField, field: "status"},
		{name: "limit -1", body: `{"limit":-1}`, code: protocol.CodeInvalidField, field: "limit"},
		{name: "limit 1,001", body: `{"limit":1001}`, code: protocol.CodeInvalidField, field: "limit"},
		{name: "limit a text", body: `{"limit":"canary"}`, code: protocol.CodeInvalidField, field: "limit"},
		{name: "no JSON", body: canary, code: protocol.CodeMalformedRequest},
	} {
		refuse(t, nc, protocol.SubjectList, in)
	}
	good(t, nc)
}
