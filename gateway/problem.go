package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"amends/protocol"
)

// Codes of what only HTTP knows. They stand beside those of the protocol, in the
// same table.
const (
	codeNoSuchRoute      protocol.Code = "no_such_route"
	codeMethodNotAllowed protocol.Code = "method_not_allowed"
	codeMediaType        protocol.Code = "unsupported_media_type"
	codeBodyTooSlow      protocol.Code = "body_too_slow"
	codeUnauthorized     protocol.Code = "unauthorized"
	codeWrongOrigin      protocol.Code = "origin_refused"
	codeWrongHost        protocol.Code = "host_refused"
	codeIfMatchRequired  protocol.Code = "if_match_required"
	codeRevisionChanged  protocol.Code = "revision_changed"
	codeRateLimited      protocol.Code = "rate_limited"
)

// kind is what HTTP makes of a code.
type kind struct {
	code   protocol.Code
	status int
	title  string
	retry  int // seconds after which asking again may help; 0 is never
}

// kinds gives every code its HTTP status. It is the only such table; the page
// /documentation shows it.
var kinds = []kind{
	{protocol.CodeMalformedRequest, http.StatusBadRequest, "The request is not the JSON expected", 0},
	{protocol.CodeDuplicateField, http.StatusBadRequest, "One name stands twice", 0},
	{protocol.CodeMissingField, http.StatusUnprocessableEntity, "A required field is absent or empty", 0},
	{protocol.CodeInvalidField, http.StatusUnprocessableEntity, "A field is of the wrong kind or out of bounds", 0},
	{protocol.CodeInvalidID, http.StatusUnprocessableEntity, "An identifier has forbidden characters or length", 0},
	{protocol.CodeUnknownType, http.StatusUnprocessableEntity, "The message type is not one for here", 0},
	{protocol.CodeTooLarge, http.StatusRequestEntityTooLarge, "Over a bound on bytes, depth or entries", 0},
	{protocol.CodeSagaIDConflict, http.StatusConflict, "The saga_id is taken by other content", 0},
	{protocol.CodeIdempotencyConflict, http.StatusConflict, "The key was used with other content", 0},
	{protocol.CodeSagaEnded, http.StatusConflict, "The saga has ended", 0},
	{protocol.CodeActRefused, http.StatusConflict, "The act is not possible where the saga stands", 0},
	{protocol.CodeTokenRefused, http.StatusForbidden, "The token is not the one that was given out", 0},
	{protocol.CodeSagaNotFound, http.StatusNotFound, "No saga of that id", 0},
	{protocol.CodeNotFound, http.StatusNotFound, "Nothing of that name", 0},
	{protocol.CodeDefinitionUnknown, http.StatusNotFound, "No definition of that name", 0},
	{protocol.CodeOverloaded, http.StatusServiceUnavailable, "Too much waits already", 1},
	{protocol.CodeUnavailable, http.StatusServiceUnavailable, "A part of the system cannot be reached", 1},
	{protocol.CodeInternal, http.StatusInternalServerError, "A fault of the system", 0},

	{codeNoSuchRoute, http.StatusNotFound, "Nothing is here", 0},
	{codeMethodNotAllowed, http.StatusMethodNotAllowed, "This method is not for here", 0},
	{codeMediaType, http.StatusUnsupportedMediaType, "The body must be JSON", 0},
	{codeBodyTooSlow, http.StatusRequestTimeout, "The body did not arrive in time", 0},
	{codeUnauthorized, http.StatusUnauthorized, "The operators' token is needed", 0},
	{codeWrongOrigin, http.StatusForbidden, "Pages of another origin may not do this", 0},
	{codeWrongHost, http.StatusMisdirectedRequest, "The gateway does not go by this name", 0},
	{codeIfMatchRequired, http.StatusPreconditionRequired, "Say which revision you have seen", 0},
	{codeRevisionChanged, http.StatusPreconditionFailed, "The saga has moved on", 0},
	{codeRateLimited, http.StatusTooManyRequests, "Too many requests", 1},
}

// kindOf returns the kind of a code; one that is not listed counts as internal.
func kindOf(code protocol.Code) kind {
	for _, k := range kinds {
		if k.code == code {
			return k
		}
	}
	return kindOf(protocol.CodeInternal)
}

// Problem is the one shape in which a client is told that its request was not
// taken (RFC 9457). It never repeats what the client sent.
type Problem struct {
	Type      string        `json:"type" format:"uri-reference" doc:"Where the code is explained."`
	Title     string        `json:"title" doc:"What the code means, in a few words."`
	Status    int           `json:"status" doc:"The HTTP status."`
	Detail    string        `json:"detail" doc:"What to do about it, for people."`
	Code      protocol.Code `json:"code" doc:"What programs decide by. It is stable."`
	Field     string        `json:"field,omitempty" doc:"Path of the field at fault, such as items[0].quantity."`
	SagaID    string        `json:"saga_id,omitempty" doc:"Of a checkout whose start was not answered: it may have begun. Look it up, or ask again with this saga_id."`
	RequestID string        `json:"request_id" doc:"Names the request in the logs."`
	retry     int
}

// problemOf turns an error into what the client is told of it.
func problemOf(ctx context.Context, err error) *Problem {
	c, e := callOf(ctx), protocol.AsError(err)
	k := kindOf(e.Code)
	if k.code != e.Code {
		e = protocol.AsError(nil)
	}
	c.problem = k.code
	if k.code == protocol.CodeInternal {
		c.trouble = err
	}
	p := &Problem{
		Type: "/documentation#" + string(k.code), Title: k.title, Status: k.status, Code: k.code,
		Detail: strings.TrimSpace(e.Field + " " + e.Message), Field: e.Field, RequestID: c.id, retry: k.retry,
	}
	if start, ok := errors.AsType[*startError](err); ok {
		p.SagaID = start.sagaID
	}
	if limited, ok := errors.AsType[*limitError](err); ok {
		p.retry = limited.seconds
	}
	return p
}

// Error makes a *Problem an error that huma writes as it is.
func (p *Problem) Error() string { return string(p.Code) + ": " + p.Detail }

// GetStatus tells huma the status.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType tells huma the type of the body.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// GetHeaders tells huma what else to send.
func (p *Problem) GetHeaders() http.Header {
	h := http.Header{}
	if p.retry > 0 {
		h.Set("Retry-After", strconv.Itoa(p.retry))
	}
	if p.Code == codeUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="operators"`)
	}
	return h
}

// refuse answers with a problem where huma has not been reached.
func refuse(w http.ResponseWriter, r *http.Request, err error) {
	p := problemOf(r.Context(), err)
	for name, values := range p.GetHeaders() {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", p.ContentType(""))
	w.WriteHeader(p.Status)
	if r.Method != http.MethodHead {
		// A client that has gone away is told nothing.
		_ = json.NewEncoder(w).Encode(p)
	}
}

func problem(code protocol.Code, field, message string) error {
	return &protocol.Error{Code: code, Field: field, Message: message}
}

func unavailable(message string) error { return problem(protocol.CodeUnavailable, "", message) }
