package definitions

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"amends/saga"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
)

// document is a definition as it is written by people.
type document struct {
	Name     string        `yaml:"name"`
	Deadline duration      `yaml:"deadline"`
	Undo     string        `yaml:"undo"`
	Request  yaml.MapSlice `yaml:"request"` // in the order in which it is written
	Pricing  string        `yaml:"pricing"`
	StartOn  *trigger      `yaml:"start_on"`
	Statuses statuses      `yaml:"statuses"`
	Steps    []step        `yaml:"steps"`
}

type trigger struct {
	Subject string        `yaml:"subject"`
	Stream  string        `yaml:"stream"`
	SagaID  string        `yaml:"saga_id"`
	Take    yaml.MapSlice `yaml:"take"`
}

type step struct {
	Name         string    `yaml:"name"`
	Service      string    `yaml:"service"`
	Kind         saga.Kind `yaml:"kind"`
	Group        string    `yaml:"group"`
	Reason       string    `yaml:"reason"`
	Reply        string    `yaml:"reply"`
	Patience     duration  `yaml:"patience"`
	Action       operation `yaml:"action"`
	Compensation operation `yaml:"compensation"`
	Query        operation `yaml:"query"`

	Statuses stepStatuses `yaml:"statuses"`
}

// statuses are the words for where an order stands (X4).
type statuses struct {
	Accepted     string `yaml:"accepted"`
	Compensating string `yaml:"compensating"`
	Completed    string `yaml:"completed"`
	Aborted      string `yaml:"aborted"`
	Stuck        string `yaml:"stuck"`
	Killed       string `yaml:"killed"`
}

type stepStatuses struct {
	Running string `yaml:"running"`
	Done    string `yaml:"done"`
	Failed  string `yaml:"failed"`
}

type operation struct {
	Type    string        `yaml:"type"`
	Subject string        `yaml:"subject"`
	Send    yaml.MapSlice `yaml:"send"` // in the order in which it is written
	Keep    []string      `yaml:"keep"`
	Timeout duration      `yaml:"timeout"`
	Retry   retry         `yaml:"retry"`
}

type retry struct {
	Attempts int      `yaml:"attempts"`
	Initial  duration `yaml:"initial"`
	Max      duration `yaml:"max"`
}

// duration is a length of time as Go writes it: 2s, 100ms, 10m.
type duration time.Duration

// UnmarshalYAML tells a mistake with its place and its field.
func (d *duration) UnmarshalYAML(node ast.Node) error {
	var text string
	if yaml.NodeToValue(node, &text) != nil {
		text = node.String()
	}
	parsed, err := time.ParseDuration(strings.TrimSpace(text))
	if err != nil {
		field := strings.TrimPrefix(node.GetPath(), "$.")
		problem := fmt.Sprintf("%s %q is no duration; write 100ms, 2s or 10m", field, text)
		return &yaml.SyntaxError{Message: problem, Token: node.GetToken()}
	}
	*d = duration(parsed)
	return nil
}

func (d duration) core() saga.Duration { return saga.Duration(time.Duration(d).Microseconds()) }

func (d *document) definition() *saga.Definition {
	out := &saga.Definition{
		Name: d.Name, Deadline: d.Deadline.core(), Undo: saga.Undo(d.Undo),
		Request: inputs(d.Request), Pricing: pricing(d.Pricing), StartOn: d.StartOn.core(), Statuses: saga.Statuses(d.Statuses),
	}
	for _, s := range d.Steps {
		out.Steps = append(out.Steps, saga.Step{
			Name: s.Name, Service: s.Service, Kind: s.Kind, Group: s.Group, Reason: s.Reason,
			Action: s.Action.core(), Compensation: s.Compensation.core(), Query: s.Query.core(),
			Reply: saga.ReplyMode(s.Reply), Patience: s.Patience.core(), Statuses: saga.StepStatuses(s.Statuses),
		})
	}
	return out
}

func (o *operation) core() saga.Operation {
	out := saga.Operation{
		Type: o.Type, Subject: o.Subject, Keep: o.Keep, Timeout: o.Timeout.core(),
		Retry: saga.Retry{Attempts: o.Retry.Attempts, Initial: o.Retry.Initial.core(), Max: o.Retry.Max.core()},
	}
	for _, field := range o.Send {
		out.Send = append(out.Send, saga.Field{Name: fmt.Sprint(field.Key), From: fmt.Sprint(field.Value)})
	}
	return out
}

// pricing names the usual policy by its absence.
func pricing(text string) saga.Pricing {
	if text == "catalog" {
		return saga.CatalogPrice
	}
	return saga.Pricing(text)
}

// inputs reads "field: kind"; a kind that ends in a question mark may be absent,
// and "field: {kind: text, default: …}" says what counts then.
func inputs(fields yaml.MapSlice) []saga.Input {
	var out []saga.Input
	for _, field := range fields {
		in := saga.Input{Name: fmt.Sprint(field.Key)}
		kind := fmt.Sprint(field.Value)
		if long, ok := field.Value.(map[string]any); ok {
			kind = fmt.Sprint(long["kind"])
			// A value that came out of YAML can be written as JSON.
			in.Default, _ = json.Marshal(long["default"])
		}
		kind, in.Optional = strings.CutSuffix(kind, "?")
		in.Kind = saga.InputKind(kind)
		out = append(out, in)
	}
	return out
}

func (t *trigger) core() *saga.Trigger {
	if t == nil {
		return nil
	}
	out := &saga.Trigger{Subject: t.Subject, Stream: t.Stream, SagaID: t.SagaID}
	for _, field := range t.Take {
		out.Take = append(out.Take, mapping(field))
	}
	return out
}

// mapping reads "items: Lines", or "items: {Lines: {sku: ProductId}}" for a list
// whose elements have other names as well.
func mapping(field yaml.MapItem) saga.Mapping {
	m := saga.Mapping{Name: fmt.Sprint(field.Key), From: fmt.Sprint(field.Value)}
	nested, ok := field.Value.(map[string]any)
	if !ok {
		return m
	}
	for from, each := range nested {
		m.From = from
		names, _ := each.(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(names)) {
			m.Each = append(m.Each, saga.Field{Name: name, From: fmt.Sprint(names[name])})
		}
	}
	return m
}
