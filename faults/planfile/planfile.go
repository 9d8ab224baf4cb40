// Package planfile reads plans of faults: YAML in, a checked faults.Plan out.
package planfile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"amends/faults"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// MaxBytes bounds a file.
const MaxBytes = 64 << 10

// Load reads the plan in a file, and returns its text as well: a pipe can be read
// only once.
func Load(file string) (plan *faults.Plan, text []byte, err error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, nil, fmt.Errorf("reading a plan of faults: %w", err)
	}
	defer func() { _ = f.Close() }() // it was only read
	if text, err = io.ReadAll(io.LimitReader(f, MaxBytes+1)); err != nil {
		return nil, nil, fmt.Errorf("reading a plan of faults: %w", err)
	}
	plan, err = Parse(filepath.Base(file), text)
	return plan, text, err
}

// Parse reads one plan, strictly: a field that is unknown or stands there twice is
// a mistake. The error lists every mistake as "file:line:column: field problem".
func Parse(file string, text []byte) (*faults.Plan, error) {
	if len(text) > MaxBytes {
		return nil, fmt.Errorf("%s:1:1: is longer than %d bytes", file, MaxBytes)
	}
	tree, err := parser.ParseBytes(text, 0)
	if err != nil {
		return nil, fmt.Errorf("%s:%w", file, placed(err))
	}
	r := &reader{file: file, places: make(map[string]place)}
	plan := r.plan(tree)
	if len(r.mistakes) == 0 { // else the rest would be complained of for nothing
		for _, p := range plan.Check() {
			r.mistake(r.nearest(p.Path), p.Path, p.Problem)
		}
	}
	if len(r.mistakes) > 0 {
		return nil, errors.Join(r.mistakes...)
	}
	return plan, nil
}

// placed puts line and column of a YAML error in front of its message.
func placed(err error) error {
	if e, ok := errors.AsType[yaml.Error](err); ok && e.GetToken() != nil {
		at := e.GetToken().Position
		return fmt.Errorf("%d:%d: %s", at.Line, at.Column, e.GetMessage())
	}
	return fmt.Errorf("1:1: %w", err)
}

type place struct{ line, column int }

// reader reads the texts of values, not what YAML makes of them.
type reader struct {
	file     string
	places   map[string]place // of values, by their paths
	mistakes []error
}

func (r *reader) mistake(at place, path, problem string) {
	if path != "" {
		problem = path + " " + problem
	}
	r.mistakes = append(r.mistakes, fmt.Errorf("%s:%d:%d: %s", r.file, at.line, at.column, problem))
}

// plan reads the one document of a file.
func (r *reader) plan(tree *ast.File) *faults.Plan {
	plan := &faults.Plan{}
	if len(tree.Docs) != 1 || tree.Docs[0].Body == nil {
		r.mistake(place{1, 1}, "", "must hold one plan: name, optional seed, and rules")
		return plan
	}
	r.fields(tree.Docs[0].Body, "", planFields(plan), func(path string, value ast.Node) bool {
		if path != "rules" {
			return false
		}
		r.rules(plan, value)
		return true
	})
	return plan
}

func (r *reader) rules(plan *faults.Plan, value ast.Node) {
	list, ok := value.(*ast.SequenceNode)
	if !ok {
		r.mistake(placeOf(value), "rules", "must be a list, each rule beginning with a dash")
		return
	}
	if len(list.Values) > faults.MaxRules {
		r.mistake(placeOf(value), "rules", fmt.Sprintf("must not hold more than %d rules", faults.MaxRules))
		return
	}
	for n, item := range list.Values {
		path := fmt.Sprintf("rules[%d]", n)
		rule := faults.Rule{Probability: 1}
		r.places[path] = placeOf(item)
		r.fields(item, path+".", ruleFields(&rule), func(string, ast.Node) bool { return false })
		plan.Rules = append(plan.Rules, rule)
	}
}

// fields reads a mapping: each field is set by its setter, or taken by other.
func (r *reader) fields(node ast.Node, prefix string, known fields, other func(path string, value ast.Node) bool) {
	mapping, ok := node.(ast.MapNode)
	if !ok {
		r.mistake(placeOf(node), "", "must be a mapping of "+known.names())
		return
	}
	for each := mapping.MapRange(); each.Next(); {
		name, value := each.Key().GetToken().Value, each.Value()
		path := prefix + name
		r.places[path] = placeOf(value)
		set := known.setter(name)
		if set == nil && other(path, value) {
			continue
		}
		if set == nil {
			r.mistake(placeOf(each.Key()), path, "is no field; there are "+known.names())
			continue
		}
		text, ok := scalar(value)
		if !ok {
			r.mistake(placeOf(value), path, "must be a plain text or number")
		} else if problem := set(text); problem != "" {
			r.mistake(placeOf(value), path, problem)
		}
	}
}

// scalar is the text of a plain value.
func scalar(value ast.Node) (text string, ok bool) {
	switch v := value.(type) {
	case *ast.StringNode:
		return v.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return v.GetToken().Value, true
	}
	return "", false
}

func placeOf(node ast.Node) place {
	token := node.GetToken()
	if mapping, ok := node.(*ast.MappingNode); ok && len(mapping.Values) > 0 {
		token = mapping.Values[0].Key.GetToken() // not the colon behind it
	}
	if token == nil {
		return place{1, 1}
	}
	return place{token.Position.Line, token.Position.Column}
}

// nearest is the place of a path, or of what should hold it.
func (r *reader) nearest(path string) place {
	for path != "" {
		if at, ok := r.places[path]; ok {
			return at
		}
		path = parent(path)
	}
	return place{1, 1}
}

// parent cuts the last field off a path.
func parent(path string) string {
	for i := len(path) - 1; i > 0; i-- {
		if path[i] == '.' || path[i] == '[' {
			return path[:i]
		}
	}
	return ""
}
