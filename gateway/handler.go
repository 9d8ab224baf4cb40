package gateway

import (
	"cmp"
	"errors"
	"net/http"
	"path"
	"runtime/debug"
	"strings"
	"time"

	"amends/protocol"

	"github.com/rs/zerolog"
)

// Handler is the gateway without its listeners, for a server of one's own.
func (g *Gateway) Handler() http.Handler { return g.handler }

// chain is what every request passes, outermost last.
func (g *Gateway) chain(routes http.Handler) http.Handler {
	h := g.withBody(routes)
	h = g.limited(h)
	h = g.guarded(h)
	h = g.inTime(h)
	h = g.recovered(h)
	return g.observed(h)
}

// observed names a request, counts it, and logs how it went.
func (g *Gateway) observed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begin, c := time.Now(), newCall(r)
		r = r.WithContext(c.in(r.Context()))
		secure(w.Header())
		w.Header().Set(headerRequestID, c.id)
		seen := &recorder{ResponseWriter: w}
		g.metrics.inFlight.Inc()
		defer func() {
			status, took := cmp.Or(seen.status, http.StatusOK), time.Since(begin)
			g.metrics.inFlight.Dec()
			g.metrics.count(r.Pattern, status, c, took)
			g.logCall(r, status, c, took)
		}()
		next.ServeHTTP(seen, r)
	})
}

func (g *Gateway) logCall(r *http.Request, status int, c *call, took time.Duration) {
	level := zerolog.DebugLevel
	if c.trouble != nil {
		level = zerolog.ErrorLevel
	}
	g.log.WithLevel(level).Err(c.trouble).Str("request_id", c.id).Str("route", r.Pattern).Int("status", status).
		Str("code", string(c.problem)).Dur("took", took).Msg("answered")
}

// recorder remembers the status of an answer.
type recorder struct {
	http.ResponseWriter
	status int
}

// WriteHeader remembers the first status and passes it on.
func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

// Write passes on; without a status before, it is 200.
func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// recovered turns a panic into an answer: one request must not take the others
// with it.
func (g *Gateway) recovered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			cause := recover()
			if cause == nil {
				return
			}
			if err, ok := cause.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(cause)
			}
			g.log.Error().Any("panic", cause).Bytes("stack", debug.Stack()).Msg("a request made the gateway panic")
			if seen, ok := w.(*recorder); ok && seen.status == 0 {
				refuse(w, r, protocol.AsError(nil))
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// fallback answers what no route takes. The mux itself would answer in plain
// text, and send the path back where it is not clean.
func fallback(routes *http.ServeMux) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			other := r.Clone(r.Context())
			other.Method = method
			if _, pattern := routes.Handler(other); pattern != "/" {
				w.Header().Add("Allow", method)
			}
		}
		if len(w.Header()["Allow"]) > 0 {
			refuse(w, r, problem(codeMethodNotAllowed, "", "the header Allow names those that are"))
			return
		}
		refuse(w, r, errNoSuchRoute)
	}
}

var errNoSuchRoute = &protocol.Error{Code: codeNoSuchRoute, Message: "/documentation lists what there is"}

// tidy keeps the mux from redirecting: a path is right or it is not.
func tidy(routes http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/") || path.Clean(r.URL.Path) != r.URL.Path {
			refuse(w, r, errNoSuchRoute)
			return
		}
		routes.ServeHTTP(w, r)
	})
}
