package gateway

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
)

// secure sets what every answer carries. Nothing here is to be shown inside a
// page, guessed at, or kept.
func secure(h http.Header) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Cache-Control", "no-store")
}

// guarded keeps out what a browser sends without its user knowing: pages of
// other origins, and names that were made to point to this machine (DNS
// rebinding).
func (g *Gateway) guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if g.local && !isLocalName(r.Host) {
			refuse(w, r, problem(codeWrongHost, "Host", "must be localhost or an address of this machine, unless the gateway was started with --allow-remote"))
			return
		}
		if g.answerOrigin(w, r) {
			return
		}
		if err := g.origins.Check(r); err != nil {
			refuse(w, r, problem(codeWrongOrigin, "Origin", "is not one that may do this; see --http-allow-origin"))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// isLocalName reports whether a header Host, with or without a port, names this
// machine.
func isLocalName(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return isLocalHost(strings.Trim(host, "[]"))
}

// What pages of an allowed origin may send, and may see (CORS).
const (
	corsMethods = "GET, POST"
	corsHeaders = "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, Traceparent, Tracestate, X-Request-Id"
	corsExposed = "ETag, Link, Location, Retry-After, X-Request-Id"
	corsMaxAge  = "600" // seconds for which a browser need not ask again
)

// answerOrigin tells a browser whether a page of another origin may go on. It
// reports true when that was all that was asked.
func (g *Gateway) answerOrigin(w http.ResponseWriter, r *http.Request) bool {
	if len(g.cfg.AllowOrigins) == 0 {
		return false
	}
	h := w.Header()
	h.Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	if !slices.Contains(g.cfg.AllowOrigins, origin) {
		return false
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Expose-Headers", corsExposed)
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	h.Set("Access-Control-Allow-Methods", corsMethods)
	h.Set("Access-Control-Allow-Headers", corsHeaders)
	h.Set("Access-Control-Max-Age", corsMaxAge)
	w.WriteHeader(http.StatusNoContent)
	return true
}

// checkToken checks that an operator's request carries the token. Both are
// hashed first, so that the time it takes tells nothing of it.
func (g *Gateway) checkToken(authorization string) error {
	if g.cfg.Token == "" {
		return nil
	}
	scheme, token, _ := strings.Cut(authorization, " ")
	got, want := sha256.Sum256([]byte(token)), sha256.Sum256([]byte(g.cfg.Token))
	if strings.EqualFold(scheme, "Bearer") && subtle.ConstantTimeCompare(got[:], want[:]) == 1 {
		return nil
	}
	return problem(codeUnauthorized, "Authorization", "must be Bearer and the token of the operators")
}

func newOrigins(allowed []string) (*http.CrossOriginProtection, error) {
	origins := http.NewCrossOriginProtection()
	for _, origin := range allowed {
		if err := origins.AddTrustedOrigin(origin); err != nil {
			return nil, fmt.Errorf("name each origin like https://shop.example.com: %w", err)
		}
	}
	return origins, nil
}
