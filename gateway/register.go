package gateway

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"

	"amends/protocol"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// Huma documents the operations, binds their parameters and writes their
// answers. It never sees a body: that is read in withBody, and decoded by
// protocol.Decode. All parameters are texts to it, so that nothing is parsed or
// refused but by our own rules.

// route is one operation, as the document and the guards need it.
type route struct {
	method, path string
	id, tag      string
	summary, doc string
	// body is the zero value of what the body holds; nil is none.
	body     any
	optional bool   // the body may be absent
	example  any    // of the body
	operator bool   // the operators' token is needed, if there is one
	status   int    // of the answer; 0 is 200
	also     []also // further good answers
	codes    []protocol.Code
}

// also is one more good answer of a route.
type also struct {
	status int
	doc    string
}

// add adds an operation. do returns *protocol.Error for whatever the client is
// to be told; all else becomes internal.
func add[I, O any](a huma.API, r route, do func(context.Context, *I) (*O, error)) {
	op := huma.Operation{
		Method: r.method, Path: r.path, OperationID: r.id, Tags: []string{r.tag}, Summary: r.summary, Description: r.doc,
		DefaultStatus: r.status, SkipValidateParams: true, Responses: problems(a, r.codes),
	}
	if r.operator {
		op.Security = []map[string][]string{{schemeOperator: {}}, {}}
	}
	huma.Register(a, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := do(ctx, in)
		if err != nil {
			return nil, problemOf(ctx, err)
		}
		return out, nil
	})
	r.document(a)
}

// common are the codes that every route may answer with.
var common = []protocol.Code{
	protocol.CodeMalformedRequest, protocol.CodeInvalidField, protocol.CodeTooLarge, codeBodyTooSlow, codeWrongOrigin, codeWrongHost,
	codeRateLimited, protocol.CodeInternal, protocol.CodeUnavailable, protocol.CodeOverloaded,
}

// problems are the bad answers of a route, by their status.
func problems(a huma.API, codes []protocol.Code) map[string]*huma.Response {
	named := make(map[int][]string)
	for _, code := range slices.Concat(codes, common) {
		status := kindOf(code).status
		if text := "`" + string(code) + "`"; !slices.Contains(named[status], text) {
			named[status] = append(named[status], text)
		}
	}
	schema := a.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[Problem](), true, "")
	responses := make(map[string]*huma.Response, len(named))
	for status, texts := range named {
		slices.Sort(texts)
		responses[strconv.Itoa(status)] = &huma.Response{
			Description: joined(texts), Content: map[string]*huma.MediaType{"application/problem+json": {Schema: schema}},
		}
	}
	return responses
}

// document adds what huma must not know before: with a body in its document it
// would read and decode it by itself.
func (r route) document(a huma.API) {
	op := operationOf(a.OpenAPI().Paths[r.path], r.method)
	if r.body != nil {
		schema := a.OpenAPI().Components.Schemas.Schema(reflect.TypeOf(r.body), true, "")
		op.RequestBody = &huma.RequestBody{
			Required: !r.optional,
			Content:  map[string]*huma.MediaType{"application/json": {Schema: schema, Example: r.example}},
		}
	}
	first := op.Responses[strconv.Itoa(op.DefaultStatus)]
	for _, more := range r.also {
		answer := *first
		if more.status == http.StatusNotModified || more.status == http.StatusNoContent {
			answer.Content = nil
		}
		answer.Description, answer.Headers = more.doc, maps.Clone(first.Headers)
		op.Responses[strconv.Itoa(more.status)] = &answer
	}
}

func operationOf(item *huma.PathItem, method string) *huma.Operation {
	if method == http.MethodPost {
		return item.Post
	}
	return item.Get
}

// strict is what every operation demands before it begins: the token, where it is
// an operator's, and parameters of which none is there twice, unknown, or empty.
func (g *Gateway) strict(ctx huma.Context, next func(huma.Context)) {
	r, w := humago.Unwrap(ctx)
	op, err := ctx.Operation(), error(nil)
	if len(op.Security) > 0 {
		err = g.checkToken(r.Header.Get("Authorization"))
	}
	if err == nil {
		err = checkParameters(r, op.Parameters)
	}
	if err != nil {
		refuse(w, r, err)
		return
	}
	next(ctx)
}

func checkParameters(r *http.Request, parameters []*huma.Param) error {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return problem(protocol.CodeMalformedRequest, "", "the query cannot be read")
	}
	for _, p := range parameters {
		values := query[p.Name]
		if p.In == "header" {
			values = r.Header.Values(p.Name)
		}
		switch {
		case len(values) > 1:
			return problem(protocol.CodeDuplicateField, p.Name, "must be there once at the most")
		case len(values) == 1 && values[0] == "":
			return problem(protocol.CodeInvalidField, p.Name, "must not be empty; leave it out")
		}
		if p.In == "query" {
			delete(query, p.Name)
		}
	}
	if len(query) > 0 {
		return problem(protocol.CodeInvalidField, "", "a parameter of the query is not one of this route; see /documentation")
	}
	return nil
}
