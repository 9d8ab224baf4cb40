package definitions

import (
	"fmt"
	"time"

	"amends/saga"

	"github.com/goccy/go-yaml"
)

// document is a definition as it is written by people.
type document struct {
	Name     string   `yaml:"name"`
	Deadline duration `yaml:"deadline"`
	Steps    []step   `yaml:"steps"`
}

type step struct {
	Name         string    `yaml:"name"`
	Service      string    `yaml:"service"`
	Kind         saga.Kind `yaml:"kind"`
	Reason       string    `yaml:"reason"`
	Action       operation `yaml:"action"`
	Compensation operation `yaml:"compensation"`
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

func (d *duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%q is no duration; write 100ms, 2s or 10m", text)
	}
	*d = duration(parsed)
	return nil
}

func (d duration) core() saga.Duration { return saga.Duration(time.Duration(d).Microseconds()) }

func (d *document) definition() *saga.Definition {
	out := &saga.Definition{Name: d.Name, Deadline: d.Deadline.core()}
	for _, s := range d.Steps {
		out.Steps = append(out.Steps, saga.Step{
			Name: s.Name, Service: s.Service, Kind: s.Kind, Reason: s.Reason,
			Action: s.Action.core(), Compensation: s.Compensation.core(),
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
