package conformance

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"amends/protocol"

	"github.com/goccy/go-yaml"
)

//go:embed profiles/*.yaml
var profiles embed.FS

// Profile is what has to be known of a service to check its workers.
type Profile struct {
	// Service is its name: that of the micro service and of the queue group.
	Service string `yaml:"service"`
	// Step is the number under which its commands are sent; 0 is 1.
	Step         int          `yaml:"step"`
	Action       action       `yaml:"action"`
	Compensation compensation `yaml:"compensation"`
	// Observe is a question whose answer shows what the worker has done for a saga,
	// as it is now. It is asked before and after a repetition, which must not change
	// it. It is nil if there is none.
	Observe *question `yaml:"observe"`
	// Query is the subject on which the worker says what became of an action; ""
	// if it does not.
	Query string `yaml:"query"`
	// Callback is there if results come later.
	Callback *callback `yaml:"callback"`
}

// action is a command of the service, with samples of its fields.
type action struct {
	Type    string `yaml:"type"`
	Subject string `yaml:"subject"`
	Accept  fields `yaml:"accept"`  // all fields of a command that is accepted
	Differ  fields `yaml:"differ"`  // what makes it another one that is accepted as well
	Decline fields `yaml:"decline"` // what makes it one that is declined; nil if nothing does
	Trouble fields `yaml:"trouble"` // what brings about a technical fault; nil if nothing does

	IDs         []string `yaml:"ids"`         // texts that an accepted reply carries
	Identifiers []string `yaml:"identifiers"` // paths of its fields that are identifiers
	Amount      string   `yaml:"amount"`      // name of its field that is an amount, if any
	Currency    string   `yaml:"currency"`    // name of the field with the currency of the amount
	Lines       string   `yaml:"lines"`       // name of its field with the lines of an order, if any
	PerLine     string   `yaml:"per_line"`    // name of the list in the reply with one entry per line
}

// compensation is the command that undoes it.
type compensation struct {
	Type    string            `yaml:"type"`
	Subject string            `yaml:"subject"`
	Aliases []string          `yaml:"aliases"` // other names of the type
	Send    map[string]string `yaml:"send"`    // its fields, and the fields of the accepted reply that they are taken from
}

// question is asked to see what has happened. $saga and $step stand for those of
// a command.
type question struct {
	Subject string `yaml:"subject"`
	Body    string `yaml:"body"`
}

// callback says how results come later.
type callback struct {
	Field    string   `yaml:"field"`    // of the action, in which the address is sent as well; "" for none
	Slow     fields   `yaml:"slow"`     // what makes the action one whose result does not come at once; nil if nothing does
	Patience duration `yaml:"patience"` // how long a result is awaited; 0 is 5 s
}

// fields are fields of a JSON object, written as one. Numbers keep their digits.
type fields map[string]any

func (f *fields) UnmarshalText(text []byte) error {
	in := json.NewDecoder(bytes.NewReader(text))
	in.UseNumber()
	if err := in.Decode((*map[string]any)(f)); err != nil {
		return fmt.Errorf("%q is no JSON object: write '{\"name\": value}'", text)
	}
	return nil
}

type duration time.Duration

func (d *duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	*d = duration(parsed)
	return err
}

// Names lists the profiles that are part of the package.
func Names() (names []string) {
	files, err := profiles.ReadDir("profiles")
	if err != nil {
		panic(err) // they are embedded
	}
	for _, file := range files {
		names = append(names, strings.TrimSuffix(file.Name(), ".yaml"))
	}
	return names
}

// Known returns a profile that is part of the package.
func Known(name string) (*Profile, error) {
	text, err := profiles.ReadFile(path.Join("profiles", name+".yaml"))
	if err != nil {
		return nil, fmt.Errorf("no service %q is known: name one of %s, or give a file with --profile", name, strings.Join(Names(), ", "))
	}
	return Read(name+".yaml", text)
}

// Read reads a profile. The error names the place of the fault.
func Read(file string, text []byte) (*Profile, error) {
	p := &Profile{}
	if err := yaml.UnmarshalWithOptions(text, p, yaml.Strict(), yaml.DisallowUnknownField()); err != nil {
		return nil, fmt.Errorf("reading profile %s: %w", file, err)
	}
	if p.Step == 0 {
		p.Step = 1
	}
	if p.Callback != nil && p.Callback.Patience == 0 {
		p.Callback.Patience = duration(5 * time.Second)
	}
	if err := p.check(); err != nil {
		return nil, fmt.Errorf("reading profile %s: %w", file, err)
	}
	return p, nil
}

func (p *Profile) check() error {
	for name, id := range map[string]string{
		"service": p.Service, "action.type": p.Action.Type, "compensation.type": p.Compensation.Type,
	} {
		if err := protocol.CheckID(name, id); err != nil {
			return err
		}
	}
	for name, subject := range map[string]string{"action.subject": p.Action.Subject, "compensation.subject": p.Compensation.Subject} {
		if subject == "" || strings.ContainsAny(subject, " *>") {
			return fmt.Errorf("%s must be a subject, such as loyalty.grant", name)
		}
	}
	switch {
	case p.Step < 1 || p.Step > protocol.MaxSteps:
		return fmt.Errorf("step must be from 1 to %d", protocol.MaxSteps)
	case p.Action.Accept == nil:
		return errors.New("action.accept is required: the fields of a command that the service accepts")
	case p.Action.Differ == nil:
		return errors.New("action.differ is required: what makes it another command that the service accepts")
	case p.Action.PerLine != "" && p.Action.Lines == "":
		return errors.New("action.per_line needs action.lines")
	}
	return nil
}
