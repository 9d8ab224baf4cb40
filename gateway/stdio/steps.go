package stdio

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"amends/protocol"
	"amends/saga"
)

// The messages of the course about sagas of the client's own steps (N0-1, N0-4).
const (
	typeSagaBegin   = "saga_begin"
	typeSagaBeginOK = "saga_begin_ok"
	typeExecute     = "execute"
)

// plannedStep is one step as a client describes it.
type plannedStep struct {
	Transaction string          `json:"transaction"`
	Service     string          `json:"service"`
	Params      json.RawMessage `json:"params"`
}

// beginRequest is saga_begin, and executeRequest is execute.
type (
	beginRequest struct {
		SagaID   string        `json:"saga_id"`
		Steps    []plannedStep `json:"steps"`
		FailStep string        `json:"fail_step"`
	}
	executeRequest struct {
		SagaID   string   `json:"saga_id"`
		Steps    []string `json:"steps"`
		FailStep string   `json:"fail_step"`
	}
)

// beginSaga runs a saga of the client's own steps, told step by step (N0-1). Where
// the client names services the steps are told as commands and replies, otherwise
// as step_complete, step_failed and compensate: so the two documents have it.
func (s *session) beginSaga(r *request) error {
	var b beginRequest
	if _, err := protocol.Decode(r.body, &b); err != nil {
		return err
	}
	var t teller = stepTeller{}
	if slices.ContainsFunc(b.Steps, func(p plannedStep) bool { return p.Service != "" }) {
		t = commandTeller{}
	}
	return s.begin(r, b, t)
}

// execute runs a saga of steps that are only names, and tells its end (N0-4).
func (s *session) execute(r *request) error {
	var e executeRequest
	if _, err := protocol.Decode(r.body, &e); err != nil {
		return err
	}
	b := beginRequest{SagaID: e.SagaID, FailStep: e.FailStep}
	for _, name := range e.Steps {
		b.Steps = append(b.Steps, plannedStep{Transaction: name})
	}
	return s.begin(r, b, endTeller{})
}

// defined is a plan whose definition is to be loaded, or is, or cannot be.
type defined struct {
	plan *plan
	from *request
	err  error
}

// begin plans a saga and has its definition loaded. The same saga_id with the same
// steps is the same saga (A7).
func (s *session) begin(r *request, b beginRequest, t teller) error {
	if s.cfg.Define == nil {
		return &protocol.Error{
			Code: protocol.CodeDefinitionUnknown, Field: "steps",
			Message: "can be described only to a system in this process: leave --nats away, or load a definition there",
		}
	}
	p, err := newPlan(r.head.Type, b, t)
	if err == nil {
		p, err = s.keepPlan(p)
	}
	if err != nil {
		return err
	}
	s.defining++
	s.undefined <- defined{plan: p, from: r}
	return nil
}

// define has definitions loaded, one after the other, until the session ends.
func (s *session) define() {
	for {
		select {
		case d := <-s.undefined:
			d.err = s.cfg.Define(s.life, d.plan.definition)
			select {
			case s.defined <- d:
			case <-s.life.Done():
			}
		case <-s.life.Done():
			return
		}
	}
}

// maxPlans bounds the sagas of clients' own steps in one session: their plans are
// kept to its end.
const maxPlans = 10_000

// keepPlan keeps a plan, or returns the one that is known of the saga.
func (s *session) keepPlan(p *plan) (*plan, error) {
	known := s.plans[p.sagaID]
	switch {
	case known != nil && bytes.Equal(known.content, p.content):
		return known, nil
	case known != nil:
		return nil, &protocol.Error{Code: protocol.CodeSagaIDConflict, Field: "saga_id", Message: "is taken by a saga of other steps; use a new one"}
	case len(s.plans) == maxPlans:
		return nil, &protocol.Error{Code: protocol.CodeOverloaded, Message: "this session has run too many sagas; begin another"}
	}
	s.plans[p.sagaID] = p
	return p, nil
}

// onDefined starts the saga of a plan whose definition is loaded.
func (s *session) onDefined(d defined) {
	s.defining--
	if d.err != nil {
		s.refuse(d.from, d.err)
		return
	}
	begun := false
	s.ask(&question{
		subject: protocol.SubjectStart, body: d.plan.start(0), sagaID: d.plan.sagaID,
		fail: func(err error) { s.refuse(d.from, err) },
		tell: func(answer []byte) []byte {
			if e := refusal(answer); e != nil {
				s.refuse(d.from, e)
				return nil
			}
			if !begun {
				begun = true
				d.plan.teller.begun(s, d.from, d.plan)
				s.release(d.plan, d.from)
			}
			if _, runs := s.running(answer); runs {
				return d.plan.start(waitMS)
			}
			var outcome protocol.Outcome
			_ = json.Unmarshal(answer, &outcome) // it was decoded before
			d.plan.teller.ended(s, d.from, d.plan, outcome)
			return nil
		},
	})
}

// plan is a saga of a client's own steps, and what has become of them.
type plan struct {
	sagaID     string
	steps      []plannedStep
	failStep   string
	content    []byte // all that the client said
	teller     teller
	definition *saga.Definition
	forwards   []*forward // by step; nil for those that are done here

	from     *request          // who is told of the steps; nil until it was told of the beginning
	held     []func()          // what is done then
	told     map[string]bool   // commands that the client was told of, by key
	verdicts map[string][]byte // what was answered, by key
	results  map[int]json.RawMessage
	undone   []string // transactions, in the order in which they were undone
}

func newPlan(kind string, b beginRequest, t teller) (*plan, error) {
	if _, err := protocol.ParseSagaID(b.SagaID); err != nil {
		return nil, err
	}
	p := &plan{
		sagaID: b.SagaID, steps: b.Steps, failStep: b.FailStep, teller: t, content: append([]byte(kind), encode(b)...),
		told: make(map[string]bool), verdicts: make(map[string][]byte), results: make(map[int]json.RawMessage),
	}
	if err := p.checkNames(kind); err != nil {
		return nil, err
	}
	if err := p.define(); err != nil {
		return nil, err
	}
	return p, p.addForwards()
}

// longestName is that of a transaction: its compensation is named after it.
const longestName = 64 - len(undoPrefix)

// checkNames holds the names of the steps to what a definition takes, where they
// stand in the request. The error is an *protocol.Error.
func (p *plan) checkNames(kind string) error {
	for n, step := range p.steps {
		field := fmt.Sprintf("steps[%d]", n)
		if kind == typeSagaBegin {
			field += ".transaction"
		}
		if step.Transaction == "" {
			return &protocol.Error{Code: protocol.CodeMissingField, Field: field, Message: "is required: the name of the step"}
		}
		if protocol.CheckID(field, step.Transaction) != nil || len(step.Transaction) > longestName {
			return &protocol.Error{
				Code: protocol.CodeInvalidField, Field: field,
				Message: fmt.Sprintf("must be 1 to %d letters, digits, _ or -", longestName),
			}
		}
	}
	if p.failStep != "" && !slices.ContainsFunc(p.steps, func(s plannedStep) bool { return s.Transaction == p.failStep }) {
		return &protocol.Error{Code: protocol.CodeInvalidField, Field: "fail_step", Message: "must be the name of one of the steps"}
	}
	return nil
}

// How patient a step is. Its worker is in this process.
const (
	stepTimeout  = saga.Duration(2 * time.Second / time.Microsecond)
	stepAttempts = 6
	firstPause   = saga.Duration(100 * time.Millisecond / time.Microsecond)
	longestPause = saga.Duration(5 * time.Second / time.Microsecond)
)

// define makes a definition of the steps. Its name is made of its content, so that
// the same steps have the same definition.
func (p *plan) define() error {
	def := &saga.Definition{Name: "steps"}
	for n, step := range p.steps {
		def.Steps = append(def.Steps, saga.Step{
			Name: fmt.Sprintf("step%d", n+1), Service: serviceName, Kind: saga.Compensatable,
			Reason:       fmt.Sprintf("Step %d failed: {error}", n+1),
			Action:       operation(step.Transaction),
			Compensation: operation(compensator(step.Transaction)),
		})
	}
	def.Name += "-" + def.Hash()[:16]
	if faults := def.Check(); len(faults) > 0 {
		return &protocol.Error{Code: protocol.CodeInvalidField, Field: faults[0].Path, Message: faults[0].Problem}
	}
	p.definition = def
	return nil
}

func operation(commandType string) saga.Operation {
	return saga.Operation{
		Type: commandType, Subject: subjectStep, Timeout: stepTimeout,
		Retry: saga.Retry{Attempts: stepAttempts, Initial: firstPause, Max: longestPause},
	}
}

const undoPrefix = "undo_"

// compensator is the command that undoes a transaction.
func compensator(transaction string) string {
	if known, ok := participants[transaction]; ok {
		return known.undo
	}
	return undoPrefix + transaction
}

// start is the request that starts the saga. Its items and address are nobody's:
// what the steps need stands in the plan.
func (p *plan) start(wait int64) []byte {
	return encode(protocol.StartRequest{
		Type: protocol.TypeCheckout, SagaID: p.sagaID, Definition: p.definition.Name, UserID: serviceName,
		Items: []protocol.Line{{SKU: "none", Quantity: 1}}, ShippingAddress: "none", WaitMS: &wait,
	})
}
