package gateway_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"amends/gateway"
	"amends/protocol"

	"github.com/rs/zerolog"
)

// Whatever is sent, the gateway answers in its own words: what it does not take
// is a problem with a code that it knows, and nothing makes it fail.
func FuzzRequests(f *testing.F) {
	s := newStage(f)
	everything(s)
	g, err := gateway.New(gateway.Config{Conn: s.nats, Log: zerolog.Nop()})
	s.must(err)
	for _, seed := range [][4]string{
		{"POST", "/v1/checkouts", "wait=5s", order}, {"POST", "/v1/checkouts", "wait=5", nameless}, {"GET", "/v1/sagas", "status=STUCK&limit=2", ""},
		{"GET", "/v1/sagas/c1", "", ""}, {"GET", "/v1/sagas/c1/events", "", ""}, {"POST", "/v1/sagas/c1/resolve", "", resolveBody},
		{"POST", "/v1/sagas/c1/cancel", "wait=1s", killBody}, {"POST", "/v1/callbacks/c1/2/token", "", `{"type":"x"}`}, {"POST", "/orders", "", seedOrder},
		{"POST", "/addToCart", "", `{"clientID":"u42","productID":"abc123","quantity":2}`}, {"PUT", "/%2e%2e//x", "%zz", "\xff"}, {"GET", "//", "a=b;c=d", "{"},
	} {
		f.Add(seed[0], seed[1], seed[2], seed[3], "7")
	}
	f.Fuzz(func(t *testing.T, method, path, query, body, header string) {
		if strings.ContainsAny(method, " \r\n\t") || method == "" || !isToken(method) {
			return
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", strings.NewReader(body))
		r.Method, r.Host = method, "localhost"
		r.URL = &url.URL{Path: path, RawQuery: query}
		for _, name := range []string{"Idempotency-Key", "If-Match", "If-None-Match", "Last-Event-ID", "Authorization", "X-Request-Id", "Traceparent"} {
			r.Header.Set(name, header)
		}
		w := httptest.NewRecorder()
		g.Handler().ServeHTTP(w, r)
		if w.Code < 400 {
			return
		}
		var p gateway.Problem
		if err := json.Unmarshal(w.Body.Bytes(), &p); method != http.MethodHead && (err != nil || p.Status != w.Code || p.Code == "") {
			t.Errorf("answered %d %q", w.Code, w.Body)
		}
		if p.Code == protocol.CodeInternal {
			t.Errorf("%s %s?%s %q is told as a fault of the gateway", method, path, query, body)
		}
	})
}

// isToken reports whether a text can be a method: the server refuses others.
func isToken(text string) bool {
	return !strings.ContainsFunc(text, func(c rune) bool { return c <= ' ' || c > '~' || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, c) })
}
