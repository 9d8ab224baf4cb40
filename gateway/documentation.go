package gateway

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// The page /documentation is the document for people (S3-03). It is plain HTML
// with one style sheet of our own: it needs no network, no script, and no trust.

//go:embed documentation.html
var pageSource string

//go:embed documentation.css
var style []byte

var page = template.Must(template.New("documentation").Parse(pageSource))

type pageData struct {
	API     *huma.OpenAPI
	Groups  []pageGroup
	Kinds   []pageKind
	Schemas []pageSchema
}

type pageGroup struct {
	Tag        *huma.Tag
	Operations []pageOperation
}

type pageOperation struct {
	*huma.Operation
	Inputs  []pageField
	Body    template.HTML // a link to its schema
	Example string
	Answers []pageAnswer
}

type pageAnswer struct {
	Status, Description string
	Body                template.HTML
}

type pageField struct {
	Name, Where, Doc string
	Type             template.HTML
	Required         bool
}

type pageSchema struct {
	Name   string
	Fields []pageField
}

type pageKind struct {
	Code, Title string
	Status      int
	Retry       int
}

// documentation renders the page.
func documentation(api *huma.OpenAPI) ([]byte, error) {
	data := pageData{API: api}
	for _, tag := range api.Tags {
		data.Groups = append(data.Groups, pageGroup{tag, operationsOf(api, tag.Name)})
	}
	for _, k := range kinds {
		data.Kinds = append(data.Kinds, pageKind{string(k.code), k.title, k.status, k.retry})
	}
	schemas := api.Components.Schemas.Map()
	for _, name := range slices.Sorted(maps.Keys(schemas)) {
		data.Schemas = append(data.Schemas, pageSchema{name, fieldsOf(schemas[name])})
	}
	var html bytes.Buffer
	err := page.Execute(&html, data)
	return html.Bytes(), err
}

func operationsOf(api *huma.OpenAPI, tag string) (all []pageOperation) {
	for _, path := range slices.Sorted(maps.Keys(api.Paths)) {
		for _, op := range []*huma.Operation{api.Paths[path].Get, api.Paths[path].Post} {
			if op != nil && slices.Contains(op.Tags, tag) {
				all = append(all, operation(op))
			}
		}
	}
	return all
}

func operation(op *huma.Operation) pageOperation {
	p := pageOperation{Operation: op}
	for _, in := range op.Parameters {
		p.Inputs = append(p.Inputs, pageField{in.Name, in.In, in.Description, typeName(in.Schema), in.Required})
	}
	if op.RequestBody != nil {
		content := op.RequestBody.Content["application/json"]
		p.Body = typeName(content.Schema)
		// An example is made of texts, numbers and maps.
		example, _ := json.MarshalIndent(content.Example, "", "  ")
		p.Example = string(example)
	}
	for _, status := range slices.Sorted(maps.Keys(op.Responses)) {
		response := op.Responses[status]
		answer := pageAnswer{Status: status, Description: strings.ReplaceAll(response.Description, "`", "")}
		if answer.Description == "" {
			answer.Description = http.StatusText(op.DefaultStatus)
		}
		for _, content := range response.Content {
			answer.Body = typeName(content.Schema)
		}
		p.Answers = append(p.Answers, answer)
	}
	return p
}

func fieldsOf(schema *huma.Schema) (fields []pageField) {
	for _, name := range slices.Sorted(maps.Keys(schema.Properties)) {
		p := schema.Properties[name]
		fields = append(fields, pageField{Name: name, Doc: p.Description, Type: typeName(p), Required: slices.Contains(schema.Required, name)})
	}
	return fields
}

// typeName names a type, with a link if it is explained on the page. All names
// are those of our own Go types.
func typeName(s *huma.Schema) template.HTML {
	switch {
	case s == nil:
		return ""
	case s.Ref != "":
		name := template.HTMLEscapeString(s.Ref[strings.LastIndex(s.Ref, "/")+1:])
		return template.HTML(`<a href="#schema-` + name + `">` + name + `</a>`)
	case s.Type == huma.TypeArray:
		return "list of " + typeName(s.Items)
	case s.Type == "":
		return "any JSON"
	}
	return template.HTML(template.HTMLEscapeString(s.Type))
}
