package stdio

import (
	"encoding/json"
	"strconv"

	"amends/protocol"

	"github.com/nats-io/nats.go"
)

// The worker of the steps that clients describe. It remembers its verdicts as
// long as the process lives, and so does the store that the sagas are in. Both ends
// of its subject are here, so it is no part of the protocol.
const (
	serviceName = "steps"
	subjectStep = "steps.run"
)

// onStep does or undoes one step of a plan.
func (s *session) onStep(m *nats.Msg) {
	var command protocol.Command
	if _, err := protocol.Decode(m.Data, &command); err != nil {
		s.respond(m, encode(protocol.AsError(err)))
		return
	}
	p := s.plans[command.SagaID]
	if p == nil || command.Step < 1 || command.Step > len(p.steps) {
		s.respond(m, encode(&protocol.Error{Code: protocol.CodeNotFound, Message: "this session knows no such step"}))
		return
	}
	work := func() { s.doStep(p, command, m) }
	if p.from == nil {
		p.held = append(p.held, work)
		return
	}
	work()
}

// release begins to tell a client of the steps, and does those that have waited
// for it.
func (s *session) release(p *plan, from *request) {
	if p.from == nil {
		p.from = from
	}
	for _, work := range p.held {
		work()
	}
	p.held = nil
}

// doStep is the fence, and what is behind it.
func (s *session) doStep(p *plan, c protocol.Command, m *nats.Msg) {
	if verdict := p.verdicts[keyOfStep(c, c.Compensating)]; verdict != nil {
		s.respond(m, verdict)
		return
	}
	if key := keyOfStep(c, c.Compensating); !p.told[key] {
		p.told[key] = true
		p.teller.sent(s, p, c)
	}
	switch f := p.forwards[c.Step-1]; {
	case !c.Compensating && p.verdicts[keyOfStep(c, true)] != nil:
		s.settle(p, c, m, protocol.SuffixFailed, protocol.Failure{Error: "compensated"})
	case f != nil:
		s.forward(p, f, c, m)
	case !c.Compensating && p.steps[c.Step-1].Transaction == p.failStep:
		s.settle(p, c, m, protocol.SuffixFailed, protocol.Failure{Error: "failed_as_asked"})
	case c.Compensating:
		s.settle(p, c, m, protocol.SuffixOK, nil)
	default:
		s.settle(p, c, m, protocol.SuffixOK, result{"reference": encode(c.SagaID + "-" + strconv.Itoa(c.Step))})
	}
}

// result is what a step has brought, as one field of its reply.
type result map[string]json.RawMessage

// settle remembers a verdict, tells it and answers it.
func (s *session) settle(p *plan, c protocol.Command, m *nats.Msg, suffix string, fields any) {
	if r, ok := fields.(result); ok {
		p.results[c.Step] = encode(r)
		fields = map[string]json.RawMessage{"result": p.results[c.Step]}
	}
	body, err := protocol.EncodeReply(c.Reply(suffix), fields)
	if err != nil {
		s.cfg.Log.Error().Err(err).Msg("a step cannot be answered")
		return
	}
	p.verdicts[keyOfStep(c, c.Compensating)] = body
	if c.Compensating && suffix == protocol.SuffixOK {
		p.undone = append(p.undone, p.steps[c.Step-1].Transaction)
	}
	p.teller.answered(s, p, c, body)
	s.respond(m, body)
}

func keyOfStep(c protocol.Command, compensating bool) string {
	return strconv.Itoa(c.Step) + " " + strconv.FormatBool(compensating)
}
