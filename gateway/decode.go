package gateway

import (
	"context"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"amends/protocol"
)

// withBody reads the body of every request into its call.
func (g *Gateway) withBody(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := readBody(w, r); err != nil {
			refuse(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// inTime gives a body its deadline, before everything else. A request that is
// refused before its body has arrived ends its connection: what may still come is
// not waited for.
func (g *Gateway) inTime(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if hasBody(r) {
			setReadDeadline(w, time.Now().Add(g.cfg.BodyTimeout))
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

func hasBody(r *http.Request) bool { return r.Body != nil && r.Body != http.NoBody }

func setReadDeadline(w http.ResponseWriter, at time.Time) {
	// A writer without deadlines is one of a test, whose bodies are there already.
	_ = http.NewResponseController(w).SetReadDeadline(at)
}

// readBody reads a body within the bounds of the protocol. The deadline is taken
// away from a body that has arrived: with it, the server would take a client that
// only waits for one that has gone away.
func readBody(w http.ResponseWriter, r *http.Request) error {
	if !hasBody(r) {
		return nil
	}
	if r.ContentLength > protocol.MaxRequestBytes {
		return errTooLarge
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, protocol.MaxRequestBytes))
	if err != nil {
		return bodyError(err)
	}
	setReadDeadline(w, time.Time{})
	// A request with a length and with chunks is cut in two places by two readers,
	// and net/http does not tell of it: nothing is read behind any with chunks.
	if len(r.TransferEncoding) == 0 {
		w.Header().Del("Connection")
	}
	callOf(r.Context()).body = body
	if len(body) == 0 {
		return nil
	}
	return checkMediaType(r.Header)
}

var errTooLarge = &protocol.Error{Code: protocol.CodeTooLarge, Message: "the body is longer than " + strconv.Itoa(protocol.MaxRequestBytes) + " bytes"}

func bodyError(err error) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return errTooLarge
	}
	if slow, ok := errors.AsType[net.Error](err); ok && slow.Timeout() {
		return problem(codeBodyTooSlow, "", "the body did not arrive in time")
	}
	return problem(protocol.CodeMalformedRequest, "", "the body ended early")
}

// checkMediaType takes JSON in UTF-8, which is also what no type at all means
// here. A page of another origin cannot send that type without asking first.
func checkMediaType(h http.Header) error {
	if len(h.Values("Content-Encoding")) > 0 {
		return problem(codeMediaType, "Content-Encoding", "must be absent: send the body as it is")
	}
	stated := strings.Join(h.Values("Content-Type"), ", ") // two are none
	if stated == "" {
		return nil
	}
	media, parameters, err := mime.ParseMediaType(stated)
	charset := parameters["charset"]
	if err != nil || media != "application/json" || charset != "" && !strings.EqualFold(charset, "utf-8") {
		return problem(codeMediaType, "Content-Type", "must be application/json, in UTF-8")
	}
	return nil
}

// decode reads the body of a call by the decoder of every other door. An empty
// body is no JSON; where all fields may be absent, decodeOptional takes it.
func decode[T any](ctx context.Context) (into T, unknown []string, err error) {
	unknown, err = protocol.Decode(callOf(ctx).body, &into)
	if err != nil {
		return into, nil, withoutNames(err, reflect.TypeFor[T]())
	}
	return into, unknown, nil
}

func decodeOptional[T any](ctx context.Context) (into T, err error) {
	if len(callOf(ctx).body) == 0 {
		return into, nil
	}
	into, _, err = decode[T](ctx)
	return into, err
}

// segment is one part of the path of a field: a name, and perhaps the number of
// an entry.
var segment = regexp.MustCompile(`^(\w+)(\[\d+\])*$`)

// withoutNames cuts the path of a field where it leaves the names of the type:
// what stands behind was made up by the client, and is not sent back.
func withoutNames(err error, t reflect.Type) error {
	e, known := *protocol.AsError(err), jsonNames(t, map[string]bool{})
	path := strings.Split(e.Field, ".")
	for n, part := range path {
		if name := segment.FindStringSubmatch(part); name == nil || !known[name[1]] {
			path = path[:n]
			break
		}
	}
	e.Field = strings.Join(path, ".")
	return &e
}

// jsonNames collects the names that a type has in JSON, at any depth.
func jsonNames(t reflect.Type, names map[string]bool) map[string]bool {
	if t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		return jsonNames(t.Elem(), names)
	}
	if t.Kind() != reflect.Struct {
		return names
	}
	for i := range t.NumField() {
		f := t.Field(i)
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" {
			names[name] = true
		}
		jsonNames(f.Type, names)
	}
	return names
}
