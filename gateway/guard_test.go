package gateway_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"amends/gateway"

	"github.com/rs/zerolog"
)

// from sends a request to a gateway without a network, as if it came from an
// address.
func from(t *testing.T, h http.Handler, address, method, path, body string, headers ...string) answered {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	r.RemoteAddr = address
	for n := 0; n < len(headers); n += 2 {
		r.Header.Set(headers[n], headers[n+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return answered{t, w.Code, w.Header(), w.Body.Bytes()}
}

// Who listens beyond this machine says who may act.
func TestReachIsDecided(t *testing.T) {
	s := newStage(t)
	for _, c := range []struct {
		listen string
		remote bool
		token  string
		want   string
	}{
		{"127.0.0.1:8080", false, "", ""},
		{"127.1.2.3:0", false, "", ""},
		{"[::1]:8080", false, "", ""},
		{"localhost:8080", false, "", ""},
		{"0.0.0.0:8080", false, "", "--http-token-file"},
		{":8080", false, "", "--http-token-file"},
		{"[::]:8080", false, "", "--allow-remote"},
		{"192.0.2.1:8080", false, "", "--http-token-file"},
		{"shop.example.com:8080", false, "", "--http-token-file"},
		{"0.0.0.0:8080", true, "", ""},
		{"0.0.0.0:8080", false, token, ""},
		{"0.0.0.0:8080", false, "short", "shorter than 16"},
		{"127.0.0.1:8080", false, "short", "shorter than 16"},
		{"8080", false, "", "give host:port"},
	} {
		cfg := gateway.Config{Conn: s.nats, Listen: []string{"127.0.0.1:1", c.listen}, AllowRemote: c.remote, Token: c.token}
		_, err := gateway.New(cfg)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("listening on %s with %v, %q: %v", c.listen, c.remote, c.token, err)
		}
	}
	for _, origin := range []string{"*", "shop.example.com", "https://", "https://shop.example.com/path", "null"} {
		if _, err := gateway.New(gateway.Config{Conn: s.nats, AllowOrigins: []string{origin}}); err == nil {
			t.Errorf("the origin %q was taken", origin)
		}
	}
	if _, err := gateway.New(gateway.Config{}); err == nil {
		t.Error("a gateway without a connection was made")
	}
}

// A name that was made to point to this machine is not the name of this machine:
// a page of its owner would be of the same origin as the gateway.
func TestNamesOfThisMachineOnly(t *testing.T) {
	s := newStage(t)
	everything(s)
	d := s.gateway()
	for _, host := range []string{"127.0.0.1", "127.0.0.1:8080", "localhost", "localhost:1", "[::1]:8080", "[::1]", "[::ffff:127.0.0.1]:80"} {
		d.get("/livez", "Host", host).is(200, nil)
	}
	for _, host := range []string{"evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example:80", "192.0.2.1", "0.0.0.0"} {
		d.get("/livez", "Host", host).problem(421, "host_refused", "Host")
		d.post("/v1/sagas/c1/cancel", "", "Host", host).problem(421, "host_refused", "Host")
	}
	open := s.gateway(func(c *gateway.Config) { c.AllowRemote = true })
	open.get("/livez", "Host", "shop.example.com").is(200, nil)
}

// No page of another origin may do anything, or see anything.
func TestPagesOfOtherOrigins(t *testing.T) {
	s := newStage(t)
	everything(s)
	d := s.gateway()
	asked := s.all()
	for _, headers := range [][]string{
		{"Origin", "https://evil.example"}, {"Origin", "null"}, {"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"},
	} {
		for _, op := range operationsWithBodies(t, d) {
			d.post(op.path, op.example, headers...).problem(403, "origin_refused", "Origin")
		}
	}
	if s.all() != asked {
		t.Error("a page of another origin was obeyed")
	}
	for _, headers := range [][]string{{"Origin", d.url}, {"Sec-Fetch-Site", "same-origin"}, {"Sec-Fetch-Site", "none"}} {
		d.post("/v1/checkouts", order, headers...).is(202, nil)
	}
	if a := d.get("/v1/sagas/c1", "Origin", "https://evil.example"); a.header.Get("Access-Control-Allow-Origin") != "" {
		t.Error("a page of another origin may see an answer")
	}
	d.do(http.MethodOptions, "/v1/checkouts", "", "Origin", "https://evil.example", "Access-Control-Request-Method", "POST").problem(405, "method_not_allowed", "")
}

func TestPagesOfAllowedOrigins(t *testing.T) {
	s := newStage(t)
	everything(s)
	const shop = "https://shop.example.com"
	d := s.gateway(func(c *gateway.Config) { c.AllowOrigins = []string{shop} })
	a := d.do(http.MethodOptions, "/v1/checkouts", "", "Origin", shop, "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "idempotency-key")
	a.is(204, nil)
	if a.header.Get("Access-Control-Allow-Origin") != shop || !strings.Contains(a.header.Get("Access-Control-Allow-Headers"), "Idempotency-Key") || a.header.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("allowed %v", a.header)
	}
	a = d.post("/v1/checkouts", order, "Origin", shop, "Sec-Fetch-Site", "cross-site").is(202, nil)
	if a.header.Get("Access-Control-Allow-Origin") != shop || a.header.Get("Vary") != "Origin" || !strings.Contains(a.header.Get("Access-Control-Expose-Headers"), "Location") {
		t.Errorf("answered with %v", a.header)
	}
	d.post("/v1/checkouts", order, "Origin", "https://evil.example").problem(403, "origin_refused", "Origin")
	d.post("/v1/checkouts", order, "Origin", shop+".evil.example").problem(403, "origin_refused", "Origin")
}

func TestEveryAnswerIsGuarded(t *testing.T) {
	s := newStage(t)
	everything(s)
	d := s.gateway()
	for _, a := range []answered{
		d.get("/v1/sagas/c1"), d.get("/nothing"), d.post("/v1/checkouts", "x"), d.get("/documentation"), d.get("/metrics"), d.get("/livez", "Host", "evil.example"),
	} {
		for name, value := range map[string]string{
			"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer", "Cross-Origin-Resource-Policy": "same-origin",
		} {
			if a.header.Get(name) != value {
				t.Errorf("%s is %q with %d", name, a.header.Get(name), a.status)
			}
		}
		if policy := a.header.Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
			t.Errorf("the policy is %q", policy)
		}
		if a.header.Get("Cache-Control") == "" || a.header.Get("X-Request-Id") == "" {
			t.Errorf("answered with %v", a.header)
		}
	}
}

// Each client has its rate; who is on this machine has none; and the table of
// clients is bounded.
func TestEachClientHasItsRate(t *testing.T) {
	s := newStage(t)
	g, err := gateway.New(gateway.Config{Conn: s.nats, AllowRemote: true, Rate: 0.01, Burst: 2, Log: zerolog.Nop()})
	s.must(err)
	h := g.Handler()
	ask := func(address string) int {
		t.Helper()
		a := from(t, h, address, http.MethodGet, "/livez", "")
		if a.status == http.StatusTooManyRequests {
			a.problem(429, "rate_limited", "")
			if seconds := a.header.Get("Retry-After"); seconds != "100" {
				t.Errorf("Retry-After is %q", seconds)
			}
		}
		return a.status
	}
	for _, who := range []string{"192.0.2.1:1", "192.0.2.2:1", "[2001:db8::1]:1"} {
		for n, want := range []int{200, 200, 429, 429} {
			if got := ask(who); got != want {
				t.Errorf("request %d of %s answered %d", n+1, who, got)
			}
		}
	}
	for who, want := range map[string]int{
		"192.0.2.1:2":          429, // another port
		"[::ffff:192.0.2.1]:1": 429, // another spelling
		"[2001:db8::ffff]:1":   429, // the same network
		"[2001:db8:0:1::1]:1":  200, // another one
		"192.0.2.3:1":          200,
		"127.0.0.1:1":          200,
		"[fe80::1%25eth0]:1":   200,
	} {
		if got := ask(who); got != want {
			t.Errorf("%s answered %d", who, got)
		}
	}
	for range 50 {
		if ask("127.0.0.1:9") != 200 || ask("[::1]:9") != 200 {
			t.Fatal("a client on this machine was held back")
		}
	}
}

// What no route takes is told in the same shape, and nothing of it is repeated.
func TestWhatIsNotThere(t *testing.T) {
	s := newStage(t)
	d := s.gateway()
	for _, path := range []string{"/", "/" + canary, "/v1", "/v1/sagas/", "/v1//sagas", "/v1/sagas/../sagas", "/v1/sagas/c1/" + canary, "/openapi-3.0.json", "/docs", "/schemas/Problem.json", "//" + canary + ".example/"} {
		a := d.get(path)
		a.problem(404, "no_such_route", "")
		if strings.Contains(string(a.body)+fmt.Sprint(a.header), canary) {
			t.Errorf("%s is repeated: %v %s", path, a.header, a.body)
		}
	}
	for _, c := range [][3]string{
		{"DELETE", "/v1/sagas/c1", "GET"}, {"PUT", "/v1/checkouts", "POST"}, {"GET", "/v1/checkouts", "POST"}, {"POST", "/livez", "GET"},
		{"PATCH", "/orders", "GET POST"}, {"OPTIONS", "/orders", "GET POST"}, {canary, "/orders", "GET POST"},
	} {
		a := d.do(c[0], c[1], "")
		a.problem(405, "method_not_allowed", "")
		if allow := strings.Join(a.header.Values("Allow"), " "); allow != c[2] {
			t.Errorf("%s %s allows %q", c[0], c[1], allow)
		}
	}
	if a := d.do(http.MethodHead, "/livez", ""); a.status != 200 || len(a.body) > 0 {
		t.Errorf("HEAD answered %d %s", a.status, a.body)
	}
}
