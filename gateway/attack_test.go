package gateway_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"amends/gateway"
	"amends/protocol"
)

// raw sends bytes that no client library would send, and reads the first answer.
func (d *door) raw(text string) (response *http.Response, body string) {
	d.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(d.url, "http://"))
	if err != nil {
		d.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		d.Fatal(err)
	}
	go func() { _, _ = io.WriteString(conn, text) }()
	method, _, _ := strings.Cut(text, " ")
	if response, err = http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method}); err != nil {
		d.Fatalf("%.100q is not answered: %v", text, err)
	}
	all, err := io.ReadAll(response.Body)
	if err != nil && response.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		d.Fatal(err)
	}
	return response, string(all)
}

// head is the head of a request, with further lines.
func head(line string, more ...string) string {
	return line + " HTTP/1.1\r\nHost: localhost\r\n" + strings.Join(append(more, ""), "\r\n") + "\r\n"
}

const jsonBody = "Content-Type: application/json"

// hostile are requests that no client has a reason to send. code is "" where net/http
// itself refuses, before it is a request.
var hostile = []struct {
	name, text string
	status     int
	code       protocol.Code
}{
	{"no host", "GET /v1/sagas HTTP/1.1\r\nX: " + canary + "\r\n\r\n", 400, ""},
	{"two hosts", head("GET /v1/sagas", "Host: "+canary), 400, ""},
	{"no host in 1.0", "GET /v1/sagas HTTP/1.0\r\n\r\n", 421, "host_refused"},
	{"a whole URL", head("GET http://" + canary + "/v1/sagas"), 421, "host_refused"},
	{"a proxy", head("CONNECT " + canary + ":80"), 421, "host_refused"},
	{"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 421, "host_refused"},
	{"all options", head("OPTIONS *"), 404, "no_such_route"},
	{"no HTTP", canary + " \x00\x01\r\n\r\n", 400, ""},
	{"a broken name", head("GET /livez", canary+" x: 1"), 400, ""},
	{"a broken value", head("GET /livez", "X: "+canary+"\x00"), 400, ""},
	{"two lengths", head("POST /v1/checkouts", "Content-Length: 5", "Content-Length: 6") + canary, 400, ""},
	{"a negative length", head("POST /v1/checkouts", "Content-Length: -5") + canary, 400, ""},
	{"another encoding", head("POST /v1/checkouts", "Transfer-Encoding: "+canary) + "{}", 501, ""},
	{"an endless body", head("POST /v1/checkouts", "Content-Length: 99999999999") + "{}", 413, protocol.CodeTooLarge},
	{"broken chunks", head("POST /v1/checkouts", "Transfer-Encoding: chunked") + canary + "\r\n", 400, protocol.CodeMalformedRequest},
	{"endless chunks", head("POST /v1/checkouts", "Transfer-Encoding: chunked") + strings.Repeat("1000\r\n"+strings.Repeat("x", 4096)+"\r\n", 20), 413, protocol.CodeTooLarge},
	{"up the tree", head("GET /v1/sagas/../../" + canary), 404, "no_such_route"},
	{"up the tree, in disguise", head("GET /v1/sagas/%2e%2e%2f%2e%2e%2f" + canary), 404, "no_such_route"},
	{"up the documents", head("GET /documentation/../" + canary), 404, "no_such_route"},
	{"twice a slash", head("GET //v1/sagas/" + canary), 404, "no_such_route"},
	{"a slash in an id", head("GET /v1/sagas/a%2F" + canary), 422, protocol.CodeInvalidID},
	{"a zero in an id", head("GET /v1/sagas/a%00" + canary), 422, protocol.CodeInvalidID},
	{"a line in an id", head("GET /v1/sagas/a%0d%0aX:" + canary), 422, protocol.CodeInvalidID},
	{"a wildcard for an id", head("GET /v1/sagas/%3E"), 422, protocol.CodeInvalidID},
	{"a wildcard to watch", head("GET /v1/sagas/*/events"), 422, protocol.CodeInvalidID},
	{"a wildcard for a token", head("POST /v1/callbacks/c1/2/%3E", "Content-Length: 2", jsonBody) + "{}", 422, protocol.CodeInvalidID},
	{"a subject for a token", head("POST /v1/callbacks/c1/2/a.b", "Content-Length: 2", jsonBody) + "{}", 422, protocol.CodeInvalidID},
	{"a long id", head("GET /v1/sagas/" + strings.Repeat("a", 15_000)), 422, protocol.CodeInvalidID},
	{"a broken escape", head("GET /v1/sagas/%zz" + canary), 400, ""},
	{"a huge query", head("GET /v1/sagas?" + canary + "=" + strings.Repeat("a", 30_000)), 431, ""},
	{"many parameters", head("GET /v1/sagas?" + strings.Repeat("a=1&", 4000) + canary), 422, protocol.CodeInvalidField},
	{"a huge head", head("GET /v1/sagas", "X: "+strings.Repeat(canary, 3000)), 431, ""},
	{"an echo", head("TRACE /v1/sagas", "X: "+canary), 405, "method_not_allowed"},
	{"a method of its own", head("CANARY4711 /v1/sagas"), 405, "method_not_allowed"},
	{"another method in a header", head("POST /v1/sagas", "X-HTTP-Method-Override: GET", "Content-Length: 0"), 405, "method_not_allowed"},
	{"a path in the host", strings.Replace(head("GET /livez"), "localhost", "localhost/"+canary, 1), 400, ""},
	{"a user in the host", strings.Replace(head("GET /livez"), "localhost", canary+"@localhost", 1), 400, ""},
	{"a name that begins well", strings.Replace(head("GET /livez"), "localhost", "localhost."+canary, 1), 421, "host_refused"},
	{"two types of body", head("POST /v1/checkouts", jsonBody, "Content-Type: text/"+canary, "Content-Length: 2") + "{}", 415, "unsupported_media_type"},
	{"an empty encoding and one", head("POST /v1/checkouts", jsonBody, "Content-Encoding:", "Content-Encoding: gzip", "Content-Length: 2") + "{}", 415, "unsupported_media_type"},
	{"no origin", head("POST /v1/checkouts", jsonBody, "Origin: null", "Content-Length: 2") + "{}", 403, "origin_refused"},
	{"a page elsewhere", head("POST /v1/checkouts", jsonBody, "Sec-Fetch-Site: cross-site", "Content-Length: 2") + "{}", 403, "origin_refused"},
}

// Whatever is sent, it is refused with the right status, nobody is asked, and no
// answer repeats it.
func TestHostileRequests(t *testing.T) {
	s := newStage(t)
	everything(s)
	d := s.gateway()
	for _, c := range hostile {
		before := s.all()
		response, body := d.raw(c.text)
		if response.StatusCode != c.status {
			t.Errorf("%s is answered %d %s, want %d", c.name, response.StatusCode, body, c.status)
		}
		if strings.Contains(strings.ToLower(body+fmt.Sprint(response.Header)), canary) {
			t.Errorf("%s is repeated: %s %v", c.name, body, response.Header)
		}
		isProblem := response.Header.Get("Content-Type") == "application/problem+json" && strings.Contains(body, `"code":"`+string(c.code)+`"`)
		if c.code != "" && !isProblem || c.code == "" && len(body) > 80 {
			t.Errorf("%s is answered %s %s, want %s", c.name, response.Header.Get("Content-Type"), body, c.code)
		}
		if s.all() != before {
			t.Errorf("%s made the gateway ask", c.name)
		}
	}
	d.get("/livez", "Host", "LOCALHOST").is(200, nil)
}

// Two readers may disagree about where a request with a length and with chunks ends,
// and a proxy is one of them: what stands behind is not taken for a request.
func TestNothingIsSmuggled(t *testing.T) {
	s := newStage(t)
	accepts(s, "PENDING")
	d := s.gateway()
	chunks := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(order), order)
	response, body := d.raw(head("POST /v1/checkouts", "Content-Type: application/json", "Content-Length: 4", "Transfer-Encoding: chunked") +
		chunks + head("POST /v1/sagas/c1/cancel", "Content-Length: 0"))
	if response.StatusCode != 202 || !response.Close {
		t.Errorf("answered %d %s, and goes on: %v", response.StatusCode, body, !response.Close)
	}
	if n := len(s.requests(protocol.SubjectCancel)); n > 0 {
		t.Error("what stood behind the chunks was carried out")
	}
}

// A list of revisions names those that it names; only * alone is any.
func TestRevisionsInAList(t *testing.T) {
	s := newStage(t)
	operators(s, "PENDING")
	d := s.gateway()
	const body = `{"step":2,"as":"done","evidence":"bank transfer 4711","reason":"refunded by hand","by":"kim"}`
	for match, want := range map[string]int{
		`*`: 202, `"7"`: 202, `"6", "7"`: 202, ` "7" `: 202,
		`"6", *`: 412, `W/"7"`: 412, `7`: 412, `"77"`: 412, `""`: 412, `"7`: 412, `,`: 412,
	} {
		if a := d.post("/v1/sagas/checkout42/resolve", body, "If-Match", match); a.status != want {
			t.Errorf("If-Match %s is answered %d %s, want %d", match, a.status, a.body, want)
		}
	}
}

// Connections that say nothing, or say it slowly, for ever: they end, and meanwhile
// everybody else is served.
func TestSlowClientsAreNoBurden(t *testing.T) {
	s := newStage(t)
	d := s.gateway(func(c *gateway.Config) { c.HeaderTimeout = 200 * time.Millisecond; c.MaxConns = 300 })
	const many = 200
	ended := make(chan error, many)
	for n := range many {
		conn, err := net.Dial("tcp", strings.TrimPrefix(d.url, "http://"))
		s.must(err)
		t.Cleanup(func() { _ = conn.Close() })
		go func() {
			if n%2 == 0 {
				_, _ = io.WriteString(conn, "GET /livez HTTP/1.1\r\nHost: localhost\r\nX: ")
			}
			_ = conn.SetReadDeadline(time.Now().Add(patience))
			_, err := io.ReadAll(conn)
			ended <- err
		}()
	}
	d.get("/livez").is(200, nil)
	for range many {
		if err := <-ended; err != nil && strings.Contains(err.Error(), "timeout") {
			t.Fatal("a connection that says nothing stays")
		}
	}
}
