package saga

import (
	"fmt"
	"slices"
	"strings"
)

// Bounds of a definition.
const (
	MaxSteps    = 64
	MaxAttempts = 100 // bounds the journal of one saga

	// MaxDuration is a year: no time in a definition may be longer.
	MaxDuration = 366 * 24 * 3600 * 1000 * Millisecond
)

// Fault is one thing wrong with a definition. Path leads to it: "steps[1].kind".
type Fault struct {
	Path    string
	Problem string
}

func (f Fault) Error() string { return f.Path + " " + f.Problem }

// Check returns everything that is wrong with the definition, in the order in
// which it stands there; nothing when it may be used.
func (d *Definition) Check() []Fault {
	c := checker{def: d}
	c.name("name", d.Name)
	c.when(d.Deadline < 0, "deadline", "must not be negative")
	c.short("deadline", d.Deadline)
	c.when(len(d.Steps) == 0, "steps", "must hold at least one step")
	c.when(len(d.Steps) > MaxSteps, "steps", fmt.Sprintf("must not hold more than %d steps", MaxSteps))
	c.when(d.Undo != InReverse && d.Undo != InParallel, "undo", "must be parallel, or absent: then it is strictly in reverse")
	c.request()
	pivot := d.pivot()
	for i := range d.Steps {
		c.step(stepPath(i), i, pivot)
	}
	c.statuses(pivot)
	return c.faults
}

// stepPath leads to a step, counted from 0 as in a list.
func stepPath(i int) string { return fmt.Sprintf("steps[%d]", i) }

type checker struct {
	def    *Definition
	faults []Fault
}

func (c *checker) when(wrong bool, path, problem string) {
	if wrong {
		c.faults = append(c.faults, Fault{path, problem})
	}
}

func (c *checker) step(path string, i, pivot int) {
	s := &c.def.Steps[i]
	c.name(path+".name", s.Name)
	c.when(s.Name == "request" || s.Name == "saga", path+".name", `must not be "request" or "saga": these have fields of their own`)
	c.when(slices.ContainsFunc(c.def.Steps[:i], func(o Step) bool { return o.Name == s.Name }), path+".name", "is the name of an earlier step, too")
	c.name(path+".service", s.Service)
	c.kind(path, s, i+1, pivot)
	c.group(path+".group", i+1)
	first, _ := c.def.stage(i + 1)
	c.operation(path+".action", &s.Action, first-1, 0)
	if s.Compensation.Type != "" || s.Compensation.Subject != "" {
		c.operation(path+".compensation", &s.Compensation, first-1, i+1)
		c.when(s.Compensation.Type == s.Action.Type, path+".compensation.type", "must differ from that of the action")
	}
	if s.askable() || s.Query.Subject != "" {
		c.operation(path+".query", &s.Query, first-1, 0)
		c.when(s.Query.Type == s.Action.Type || s.Query.Type == s.Compensation.Type, path+".query.type", "must differ from that of the action and of the compensation: a question changes nothing")
	}
	c.reply(path, s)
}

// group checks the steps that run side by side: they stand together, and none of
// them is the pivot, since the others could not be undone any more.
func (c *checker) group(path string, number int) {
	s := c.def.Step(number)
	if s.Group == "" {
		return
	}
	c.name(path, s.Group)
	c.when(s.Kind == Pivot, path, "must be absent: the pivot runs alone")
	first, _ := c.def.stage(number)
	split := slices.ContainsFunc(c.def.Steps[:first-1], func(o Step) bool { return o.Group == s.Group })
	c.when(split, path, "is the name of an earlier group; steps of one group must stand together")
	c.when(s.Kind != c.def.Step(first).Kind, path, "must hold steps of one kind")
}

// reply checks how the result of a step comes.
func (c *checker) reply(path string, s *Step) {
	c.when(s.Reply != Sync && s.Reply != Callback, path+".reply", "must be callback, or absent")
	c.when(s.Reply == Callback && s.Patience <= 0, path+".patience", "is required: how long the result is awaited")
	c.when(s.Reply == Sync && s.Patience != 0, path+".patience", "must be absent: the result comes in the answer")
	c.short(path+".patience", s.Patience)
}

func (c *checker) kind(path string, s *Step, number, pivot int) {
	switch s.Kind {
	case Compensatable:
		c.when(s.Compensation.Type == "", path+".compensation", "is required: a compensatable step must say how it is undone")
		c.when(number > pivot, path+".kind", "must be retriable: it comes after the pivot")
	case Pivot:
		c.when(number != pivot, path+".kind", "must not be pivot: there is one already")
	case Retriable:
		c.when(number <= pivot, path+".kind", "must not be retriable: no pivot comes before it")
		c.when(s.Compensation.Type != "", path+".compensation", "must be absent: a retriable step is never undone")
	default:
		c.when(true, path+".kind", "must be compensatable, pivot or retriable")
	}
}

// operation checks one operation of a step; known is how many steps have been
// accepted by then, whose kept fields may be sent, and own is the step that is
// undone, whose fields may be sent, too.
func (c *checker) operation(path string, op *Operation, known, own int) {
	c.name(path+".type", op.Type)
	c.subject(path+".subject", op.Subject, "checkout", "saga", "timer", "order", "promise", "faults", "_INBOX")
	c.when(op.Timeout <= 0, path+".timeout", "must be greater than zero")
	c.short(path+".timeout", op.Timeout)
	c.when(op.Retry.Attempts < 1 || op.Retry.Attempts > MaxAttempts, path+".retry.attempts", fmt.Sprintf("must be 1 to %d", MaxAttempts))
	c.when(op.Retry.Initial < 0, path+".retry.initial", "must not be negative")
	c.when(op.Retry.Max < op.Retry.Initial, path+".retry.max", "must not be less than retry.initial")
	c.short(path+".retry.max", op.Retry.Max)
	for i, f := range op.Send {
		at := path + ".send." + f.Name
		c.name(at, f.Name)
		c.when(slices.ContainsFunc(op.Send[:i], func(o Field) bool { return o.Name == f.Name }), at, "is sent twice")
		c.when(slices.Contains([]string{"type", "saga_id", "step", "compensating", "reversal"}, f.Name), at, "is set by the orchestrator")
		c.when(!c.exists(f.From, known, own), at, fmt.Sprintf("comes from %q, which is neither a field of the request, saga.order_id, saga.callback nor a field kept by an earlier step", f.From))
	}
	for _, k := range op.Keep {
		c.name(path+".keep", k)
	}
}

func (c *checker) exists(from string, known, own int) bool {
	owner, field, ok := strings.Cut(from, ".")
	if !ok || field == "" {
		return false
	}
	switch owner {
	case "request":
		return c.isAsked(field)
	case "saga":
		return field == "order_id" || field == "callback"
	}
	for i, s := range c.def.Steps {
		if s.Name == owner {
			return (i < known || i+1 == own) && slices.Contains(s.Action.Keep, field)
		}
	}
	return false
}

// short keeps instants from overflowing.
func (c *checker) short(path string, d Duration) {
	c.when(d > MaxDuration, path, "must not be longer than a year")
}

func (c *checker) name(path, text string) {
	c.when(!isName(text), path, "must be 1 to 64 letters, digits, _ or -")
}

// subject checks a subject, which must not begin with a word that the system uses
// itself: a command there would reach a client API, a stream, or a stranger.
func (c *checker) subject(path, text string, reserved ...string) {
	first, _, _ := strings.Cut(text, ".")
	c.when(slices.Contains(reserved, first), path, fmt.Sprintf("must not begin with %q: the system itself uses these subjects", first))
	for token := range strings.SplitSeq(text, ".") {
		if !isName(token) {
			c.when(true, path, "must be a NATS subject: words of letters, digits, _ or -, with dots between")
			return
		}
	}
}

func isName(text string) bool {
	if text == "" || len(text) > 64 {
		return false
	}
	return strings.IndexFunc(text, func(r rune) bool {
		return r != '_' && r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}) < 0
}
