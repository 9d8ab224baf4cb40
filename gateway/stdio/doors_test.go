package stdio_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"amends/protocol"

	"github.com/nats-io/nats.go"
)

// All doors of one system: NATS, HTTP, lines on stdin, and the command line. Each is
// the program itself, as its users have it. What one of them takes all take, as the
// same checkout; what one refuses all refuse, with the same code and the same field
// (X6). Two things differ by the nature of a door: a line has no line breaks and
// needs a type; and HTTP names no field that its client made up.

// verdict is what a door says of a request.
type verdict struct {
	Type   string        `json:"type"`
	SagaID string        `json:"saga_id"`
	Status string        `json:"status"`
	Code   protocol.Code `json:"code"`
	Field  string        `json:"field"`
}

func (v verdict) String() string {
	if v.Code != "" {
		return strings.TrimSpace(string(v.Code) + " " + v.Field)
	}
	return v.SagaID + " " + v.Status
}

type doors struct {
	*testing.T
	nats *nats.Conn
	url  string
	http string
	line *node
}

// openDoors starts a system, and a session of lines on it.
func openDoors(t *testing.T) *doors {
	t.Helper()
	p := startNode(t, "serve", "--nats-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0", "--data", t.TempDir(),
		"--durability", "interval", "--log-format", "json")
	var gateway struct{ HTTP []string }
	var ready struct{ NATS string }
	for text, into := range map[string]any{`"gateway ready"`: &gateway, `"message":"ready"`: &ready} {
		if err := json.Unmarshal([]byte(p.log(text)), into); err != nil {
			t.Fatal(err)
		}
	}
	nc, err := nats.Connect(ready.NATS)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return &doors{t, nc, ready.NATS, "http://" + gateway.HTTP[0], startNode(t, "stdio", "--nats", ready.NATS)}
}

func (d *doors) overNATS(body string) (v verdict) {
	d.Helper()
	m, err := d.nats.Request(protocol.SubjectStart, []byte(body), tolerated)
	if err != nil || json.Unmarshal(m.Data, &v) != nil {
		d.Fatalf("over NATS: %v", err)
	}
	return v
}

func (d *doors) overHTTP(body string) (v verdict) {
	d.Helper()
	response, err := http.Post(d.http+"/v1/checkouts?wait=30s", "application/json", strings.NewReader(body))
	if err != nil {
		d.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	// A problem has a type and a status of its own; it is told by its code.
	if _ = json.Unmarshal(text, &v); err != nil || v.Code == "" && v.Status == "" {
		d.Fatalf("over HTTP: %d %s %v", response.StatusCode, text, err)
	}
	return v
}

func (d *doors) overLines(body string) (v verdict) {
	d.Helper()
	d.line.write(body + "\n")
	for {
		line := d.line.await(`"type": `)
		if json.Unmarshal([]byte(line), &v) == nil && (v.Type == protocol.TypeError || strings.HasPrefix(v.Type, "checkout_")) {
			return v
		}
		v = verdict{}
	}
}

func (d *doors) overCommands(body string) (v verdict) {
	d.Helper()
	cmd := exec.Command(binary, "checkout", "start", "--nats", d.url, "--json", "--wait", "30s", "--request", "-")
	cmd.Stdin = strings.NewReader(body)
	out, _ := cmd.Output()
	if err := json.Unmarshal(out, &v); err != nil {
		d.Fatalf("by command: %s %v", out, err)
	}
	return v
}

const good = `{"type":"checkout","saga_id":"c1","user_id":"u42","items":[{"sku":"abc123","quantity":2}],"shipping_address":"123 Main St"}`

// change replaces a part of the good request.
func change(t *testing.T, old, new string) string {
	t.Helper()
	if !strings.Contains(good, old) {
		t.Fatalf("%q changes nothing", old)
	}
	return strings.Replace(good, old, new, 1)
}

// madeUp reports whether a path names a field that there is not.
func madeUp(path string) bool { return strings.ContainsAny(path, "xABCDEFGHIJKLMNOPQRSTUVWXYZ") }

func TestEveryDoorSaysTheSame(t *testing.T) {
	t.Parallel()
	d := openDoors(t)
	for _, body := range badRequests(t) {
		over := d.overNATS(body)
		if over.Code == "" {
			t.Errorf("NATS takes %.200s: %s", body, over)
		}
		if got := d.overLines(body); got.String() != over.String() {
			t.Errorf("%.200s\nover NATS %s, over lines %s", body, over, got)
		}
		if got := d.overCommands(body); got.String() != over.String() {
			t.Errorf("%.200s\nover NATS %s, by command %s", body, over, got)
		}
		if got := d.overHTTP(body); got.Code != over.Code || got.Field != over.Field && !madeUp(strings.TrimPrefix(over.Field, got.Field)) {
			t.Errorf("%.200s\nover NATS %s, over HTTP %s", body, over, got)
		}
	}
	for n, body := range oddRequests(t) {
		body = strings.Replace(body, `"c1"`, fmt.Sprintf(`"odd%d"`, n), 1)
		want := d.overNATS(body)
		if want.Status != protocol.StatusCompleted {
			t.Errorf("NATS does not take %.200s: %s", body, want)
		}
		for door, got := range map[string]verdict{"HTTP": d.overHTTP(body), "lines": d.overLines(body), "commands": d.overCommands(body)} {
			if got.String() != want.String() {
				t.Errorf("%.200s\nover NATS %s, over %s %s", body, want, door, got)
			}
		}
	}
}

// The first to get a request may be any door: what is stored is what NATS would have
// stored, or the others would be told of a conflict.
func TestAnyDoorMayBeTheFirst(t *testing.T) {
	t.Parallel()
	d := openDoors(t)
	all := map[string]func(string) verdict{"NATS": d.overNATS, "HTTP": d.overHTTP, "lines": d.overLines, "commands": d.overCommands}
	for first, start := range all {
		for n, body := range oddRequests(t) {
			body = strings.Replace(body, `"c1"`, fmt.Sprintf(`"first-%s-%d"`, first, n), 1)
			want := start(body)
			for door, again := range all {
				if got := again(body); got.String() != want.String() || want.Status != protocol.StatusCompleted {
					t.Errorf("%.200s\nover %s first: %s, over %s then: %s", body, first, want, door, got)
				}
			}
		}
	}
}

// oddRequests are legal, however odd they look.
func oddRequests(t *testing.T) []string {
	t.Helper()
	deep := func(levels int) string { return strings.Repeat("[", levels) + strings.Repeat("]", levels) }
	return []string{
		good,
		" \t" + strings.ReplaceAll(good, ",", " ,\t") + " \t",
		strings.NewReplacer(`saga_id`, `\u0073aga_id`, `123 Main St`, `123 \u004dain St`, `u42`, `\u007542`).Replace(good),
		change(t, "{", `{"definition":null,"wait_ms":null,"msg_id":null,"amount":null,"x":null,`),
		change(t, "{", `{"x":`+deep(15)+`,`),
		change(t, "{", `{"`+strings.Repeat("f", 300)+`":{"quantity":1e400},`),
		change(t, "{", `{"x":"`+strings.Repeat("<&>", 15_000)+`",`),
		change(t, "{", `{"Wait_MS":"soon","Type ":1,"\u0057ait_Ms ":2,`),
		change(t, "123 Main St", "Añasco Straße 東京 🏠 <b>&amp;"),
		change(t, "123 Main St", `\ud83c\udfe0 \u00e9\u2028\u2029\u200b`),
		change(t, "123 Main St", strings.Repeat("é", 256)),
		change(t, "123 Main St", `quote \" slash \/ \\ `+"`'"),
		change(t, `"quantity":2`, `"quantity":1000`),
		change(t, `"u42"`, `"`+strings.Repeat("u", 64)+`"`),
		change(t, "{", `{"amount":249.99,"currency":"USD","msg_id":"Ω",`),
	}
}

// badRequests are refused by every door.
func badRequests(t *testing.T) []string {
	t.Helper()
	bad := []string{
		`hello`, `[` + good + `]`, `"text"`, `null`, `7`, good[:len(good)-1], good + "x", good + good, "\ufeff" + good, good + "\x00",
		change(t, "{", `{"x":NaN,`), change(t, "{", `{'x':1,`), change(t, "{", "{\"x\":\"\xff\","), change(t, "{", `{"x":"\ud83d",`),
		change(t, "{", `{"x":1,"x":2,`), change(t, "{", `{"x":{"y":1,"Y":2},`), change(t, "{", `{"xé":1,"xÉ":2,`),
		change(t, "{", `{"x":`+strings.Repeat("[", 16)+strings.Repeat("]", 16)+`,`),
		change(t, "{", `{"x":"`+strings.Repeat("y", protocol.MaxRequestBytes)+`",`),
		change(t, "{", `{"definition":"nosuch",`), change(t, "{", `{"definition":"a.b",`),
		change(t, "{", `{"wait_ms":-1,`), change(t, "{", `{"wait_ms":60001,`), change(t, "{", `{"wait_ms":"1",`), change(t, "{", `{"wait_ms":1.0,`),
		change(t, "{", `{"msg_id":{"x":1},`), change(t, "{", `{"msg_id":true,`), change(t, "{", `{"user_id":"x",`), change(t, "{", `{"USER_ID":"x","User_Id":"y",`),
		change(t, "{", `{"amount":"249.99",`), change(t, "{", `{"amount":1e2,`), change(t, "{", `{"amount":-1,`), change(t, "{", `{"amount":1,"currency":"dollars",`),
		change(t, `"checkout"`, `"refund"`),
	}
	for _, c := range [][2]string{
		{`"u42"`, `""`}, {`"u42"`, `null`}, {`"u42"`, `4711`}, {`"u42"`, `"4111111111111111"`}, {`"u42"`, `"a.b"`}, {`"u42"`, `">"`}, {`"u42"`, `"é"`},
		{`"c1"`, `"a b"`}, {`"c1"`, `"` + strings.Repeat("x", 65) + `"`}, {`"c1"`, `"..\u0000"`}, {`"c1"`, `7`},
		{`[{"sku":"abc123","quantity":2}]`, `[]`}, {`[{"sku":"abc123","quantity":2}]`, `{}`}, {`[{"sku":"abc123","quantity":2}]`, `["x"]`},
		{`"quantity":2}`, `"quantity":2},{"sku":"abc123","quantity":1}`}, {`"sku":"abc123",`, ``}, {`"abc123"`, `"$KV.x"`},
		{`"quantity":2`, `"quantity":0`}, {`"quantity":2`, `"quantity":-1`}, {`"quantity":2`, `"quantity":2.0`}, {`"quantity":2`, `"quantity":1e2`},
		{`"quantity":2`, `"quantity":1001`}, {`"quantity":2`, `"quantity":9223372036854775808`}, {`"quantity":2`, `"quantity":"2"`}, {`"quantity":2`, `"quantity":2,"Quantity":3`},
		{`"123 Main St"`, `" "`}, {`"123 Main St"`, `"a\r\nX: 1"`}, {`"123 Main St"`, `"` + strings.Repeat("é", 257) + `"`}, {`"123 Main St"`, `"4111 1111 1111 1111"`},
		{`"items"`, `"lines"`},
	} {
		bad = append(bad, change(t, c[0], c[1]))
	}
	return bad
}

// A4: the envelope of document 000 is taken over NATS as on the lines, and answered
// in one.
func TestA4_EnvelopesAtBothDoors(t *testing.T) {
	t.Parallel()
	d := openDoors(t)
	wrapped := `{"src":"c7","dest":"checkout_orchestrator","body":` + good + `}`
	m, err := d.nats.Request(protocol.SubjectStart, []byte(wrapped), tolerated)
	if err != nil {
		t.Fatal(err)
	}
	d.line.write(wrapped + "\n")
	line := d.line.await(`"checkout_complete"`)
	for _, text := range []string{string(m.Data), line} {
		var e protocol.Envelope
		var v verdict
		if json.Unmarshal([]byte(text), &e) != nil || json.Unmarshal(e.Body, &v) != nil ||
			e.Src != "checkout_orchestrator" || e.Dest != "c7" || v.String() != "c1 COMPLETED" {
			t.Errorf("answered %s", text)
		}
	}
}

// Nobody else takes one: HTTP is an envelope of its own, and one in another is no
// request.
func TestA4_OneEnvelopeAtTheMost(t *testing.T) {
	t.Parallel()
	d := openDoors(t)
	wrapped := `{"type":"checkout","src":"c7","dest":"n","body":` + good + `}`
	twice := `{"src":"c8","dest":"n","body":` + wrapped + `}`
	for door, got := range map[string]verdict{"HTTP": d.overHTTP(wrapped), "commands": d.overCommands(wrapped)} {
		if got.String() != "invalid_field body" {
			t.Errorf("over %s: %s", door, got)
		}
	}
	d.line.write(twice + "\n")
	if line := d.line.await(`"c8"`); !strings.Contains(line, `"code": "invalid_field"`) || !strings.Contains(line, `"field": "body"`) {
		t.Errorf("over lines: %s", line)
	}
	m, err := d.nats.Request(protocol.SubjectStart, []byte(twice), tolerated)
	if err != nil || !strings.Contains(string(m.Data), `"missing_field"`) {
		t.Errorf("over NATS: %s %v", m.Data, err)
	}
	if m, err = d.nats.Request(protocol.SubjectStatus, []byte(`{"saga_id":"c1"}`), tolerated); err != nil || !strings.Contains(string(m.Data), "saga_not_found") {
		t.Errorf("something was started: %s %v", m.Data, err)
	}
}
