package catalog

import (
	"errors"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// yaml reads a list of mappings. It reads the text of each value, not what YAML
// makes of it: 100.00 is a price with two digits, and 007 is an sku.
func (r *reading) yaml() {
	tree, err := parser.ParseBytes(r.data, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		r.fault(yamlPlace(err))
		return
	}
	for _, document := range tree.Docs {
		switch list := document.Body.(type) {
		case nil: // an empty document
		case *ast.SequenceNode:
			for _, item := range list.Values {
				r.yamlRow(item)
			}
		default:
			r.fault(lineOf(list), "", "must be a list of products, each beginning with a dash")
		}
	}
}

// yamlPlace tells where YAML stops making sense, and why.
func yamlPlace(err error) (line int, field, problem string) {
	if e, ok := errors.AsType[yaml.Error](err); ok && e.GetToken() != nil {
		return e.GetToken().Position.Line, "", e.GetMessage()
	}
	return 1, "", "is not YAML: " + err.Error()
}

func (r *reading) yamlRow(item ast.Node) {
	mapping, ok := item.(ast.MapNode)
	if !ok {
		r.fault(lineOf(item), "", "must be a product, such as {sku: abc123, price: 100.00, currency: USD}")
		return
	}
	to := row{line: lineOf(item), cells: make(map[string]cell)}
	for fields := mapping.MapRange(); fields.Next(); {
		name, line := fields.Key().GetToken().Value, lineOf(fields.Key())
		if !isField(name) {
			r.fault(line, name, unknownField)
			continue
		}
		text, there, ok := yamlText(fields.Value())
		switch {
		case !ok:
			r.fault(line, name, "must be a plain text or number")
		case there:
			r.set(&to, name, cell{line, text})
		}
	}
	r.rows = append(r.rows, to)
}

// yamlText is the text of a value; there is false for one that is absent.
func yamlText(value ast.Node) (text string, there, ok bool) {
	switch v := value.(type) {
	case *ast.NullNode:
		return "", false, true
	case *ast.StringNode:
		return v.Value, v.Value != "", true
	case *ast.LiteralNode:
		return v.Value.Value, true, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return v.GetToken().Value, true, true
	}
	return "", false, false
}

func lineOf(node ast.Node) int {
	if node.GetToken() == nil {
		return 1
	}
	return node.GetToken().Position.Line
}
