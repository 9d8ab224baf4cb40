package gateway

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"sync"

	"amends/protocol"

	"github.com/danielgtaylor/huma/v2"
)

// Tags group the operations in the document, in this order.
const (
	tagCheckouts = "Checkouts"
	tagSagas     = "Sagas"
	tagOperators = "Operators"
	tagCallbacks = "Callbacks"
	tagCart      = "Cart"
	tagOrders    = "Orders"
	tagHealth    = "Health"
)

var tags = []*huma.Tag{
	{Name: tagCheckouts, Description: "Start a checkout. It completes, or makes amends."},
	{Name: tagSagas, Description: "See how sagas stand, and follow them."},
	{Name: tagOperators, Description: "Acts of the people on call. They need the operators' token, if the gateway has one."},
	{Name: tagCallbacks, Description: "Results of services that answer later."},
	{Name: tagCart, Description: "A cart and its checkout, in two calls."},
	{Name: tagOrders, Description: "Orders of tickets."},
	{Name: tagHealth, Description: "For whatever keeps the process running."},
}

// schemeOperator names the bearer token of the operators in the document.
const schemeOperator = "operator"

// version is that of the API.
const version = "1.0.0"

// humaConfig makes huma a documenter and a writer: its own pages, its links to
// schemas and its formats are left out.
func humaConfig() huma.Config {
	schemas := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	schemas.RegisterTypeAlias(reflect.TypeFor[protocol.Decimal](), reflect.TypeFor[decimal]())
	config := huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title: "Amends", Version: version,
				Description: "Durable sagas for checkouts: a checkout completes, or makes amends. " +
					"JSON is read strictly: one name twice, in any spelling, is refused; unknown fields are ignored. " +
					"Errors are problems of RFC 9457; programs decide by their code.",
				License: &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"},
			},
			Tags: tags,
			Components: &huma.Components{
				Schemas: schemas,
				SecuritySchemes: map[string]*huma.SecurityScheme{schemeOperator: {
					Type: "http", Scheme: "bearer", Description: "The token of the operators. A gateway without one needs none.",
				}},
			},
		},
		Formats:       map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat},
		DefaultFormat: "application/json",
	}
	config.AllowAdditionalPropertiesByDefault = true
	return config
}

// decimal is a decimal number in the document.
type decimal struct{}

// Schema says that it is a number, whatever a float makes of it.
func (decimal) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeNumber, Description: "A decimal number, read exactly.", Examples: []any{json.Number("249.99")}}
}

// Examples of bodies.
var (
	exampleStart = map[string]any{
		"saga_id": "checkout42", "user_id": "u42", "shipping_address": "123 Main St",
		"items": []map[string]any{{"sku": "abc123", "quantity": 2}, {"sku": "xyz789", "quantity": 1}},
	}
	exampleOrder = map[string]any{
		"customerId": "e081ad0f-f83e-4f81-b2d7-23655ac04b8a", "amount": json.Number("200.00"),
		"items": []map[string]any{{
			"id": "3852cb18-9c19-4326-ac77-a1a0264bd98c", "name": "day-one", "amount": json.Number("200.00"), "quantity": 1,
		}},
	}
)

// documents are the document in all its forms.
type documents struct{ json, yaml, page []byte }

func newDocuments(api *huma.OpenAPI) (d documents, err error) {
	compact, err := json.Marshal(api)
	if err != nil {
		return d, fmt.Errorf("writing the document: %w", err)
	}
	var spec bytes.Buffer
	if err := json.Indent(&spec, compact, "", "  "); err != nil {
		return d, fmt.Errorf("writing the document: %w", err)
	}
	d.json = spec.Bytes()
	if d.yaml, err = api.YAML(); err != nil {
		return d, fmt.Errorf("writing the document: %w", err)
	}
	if d.page, err = documentation(api); err != nil {
		return d, fmt.Errorf("writing the document: %w", err)
	}
	return d, nil
}

// addDocuments serves the document. It is made when somebody asks for the first
// time, and then kept: nothing in it depends on a request.
func addDocuments(mux *http.ServeMux, api *huma.OpenAPI) {
	finish(api.Components.Schemas.Map())
	made := sync.OnceValues(func() (documents, error) { return newDocuments(api) })
	for path, form := range map[string]struct {
		media string
		of    func(documents) []byte
	}{
		"/openapi.json":            {"application/openapi+json", func(d documents) []byte { return d.json }},
		"/openapi.yaml":            {"application/openapi+yaml", func(d documents) []byte { return d.yaml }},
		"/documentation":           {"text/html; charset=utf-8", func(d documents) []byte { return d.page }},
		"/documentation/style.css": {"text/css; charset=utf-8", func(documents) []byte { return style }},
	} {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
			d, err := made()
			if err != nil {
				refuse(w, r, err)
				return
			}
			w.Header().Set("Content-Type", form.media)
			w.Header().Set("Content-Security-Policy", pagePolicy)
			// A client that has gone away is told nothing.
			_, _ = w.Write(form.of(d))
		})
	}
}

// pagePolicy lets the page have its style sheet, and nothing else.
const pagePolicy = "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

// joined is "a, b or c".
func joined(words []string) string {
	last := len(words) - 1
	if last == 0 {
		return words[0]
	}
	return strings.Join(words[:last], ", ") + " or " + words[last]
}
