package stdio

import (
	"encoding/json"
	"slices"
	"strings"

	"amends/protocol"
)

// teller tells a client of a saga of its own steps, in the words of one of the
// documents.
type teller interface {
	begun(s *session, r *request, p *plan)
	sent(s *session, p *plan, c protocol.Command)
	answered(s *session, p *plan, c protocol.Command, reply []byte)
	ended(s *session, r *request, p *plan, o protocol.Outcome)
}

// stepTeller tells of steps: step_complete, step_failed, compensate.
type stepTeller struct{}

// commandTeller tells of commands and replies, with their params.
type commandTeller struct{}

// endTeller tells the end only; its steps go aside.
type endTeller struct{}

func tellBegun(s *session, r *request, p *plan) {
	s.tellInOrder(r, field{"type", encode(typeSagaBeginOK)}, field{"in_reply_to", r.head.MsgID},
		field{"saga_id", encode(p.sagaID)}, field{"status", encode("pending")})
}

func (stepTeller) begun(s *session, r *request, p *plan)    { tellBegun(s, r, p) }
func (commandTeller) begun(s *session, r *request, p *plan) { tellBegun(s, r, p) }
func (endTeller) begun(*session, *request, *plan)           {}

func (stepTeller) sent(s *session, p *plan, c protocol.Command) {
	if c.Compensating {
		s.tellInOrder(p.from, field{"type", encode("compensate")}, field{"saga_id", encode(c.SagaID)}, field{"step", encode(c.Step)},
			field{"compensator", encode(c.Type)}, field{"params", p.results[c.Step]})
	}
}

func (stepTeller) answered(s *session, p *plan, c protocol.Command, reply []byte) {
	if c.Compensating {
		return
	}
	step := field{"transaction", encode(c.Type)}
	var failure protocol.Failure
	if strings.HasSuffix(typeOf(reply), protocol.SuffixFailed) && json.Unmarshal(reply, &failure) == nil {
		s.tellInOrder(p.from, field{"type", encode("step_failed")}, field{"saga_id", encode(c.SagaID)}, field{"step", encode(c.Step)},
			step, field{"error", encode(failure.Error)})
		return
	}
	s.tellInOrder(p.from, field{"type", encode("step_complete")}, field{"saga_id", encode(c.SagaID)}, field{"step", encode(c.Step)},
		step, field{"result", encode(inWords(p.results[c.Step]))})
}

// inWords is a result as "reservation_id=r1".
func inWords(result json.RawMessage) string {
	var fields map[string]json.RawMessage
	_ = json.Unmarshal(result, &fields) // a result of ours
	var words []string
	for name, value := range fields {
		words = append(words, name+"="+strings.Trim(string(value), `"`))
	}
	slices.Sort(words)
	return strings.Join(words, ",")
}

func (commandTeller) sent(s *session, p *plan, c protocol.Command) {
	body := encode(c)
	if params := p.steps[c.Step-1].Params; params != nil && !c.Compensating {
		body = with(body, "params", params)
	}
	s.say(p.from.bare, p.from.dest, p.node(c.Step), body)
}

func (commandTeller) answered(s *session, p *plan, c protocol.Command, reply []byte) {
	s.say(p.from.bare, p.node(c.Step), p.from.dest, reply)
}

// node is who does a step, as the client calls it.
func (p *plan) node(step int) string {
	if name := p.steps[step-1].Service; name != "" {
		return name
	}
	return serviceName
}

func (endTeller) sent(s *session, p *plan, c protocol.Command) {
	s.printer.print(s.cfg.Aside, s.enveloped(false, p.from.dest, serviceName, encode(c)))
}

func (endTeller) answered(s *session, p *plan, _ protocol.Command, reply []byte) {
	s.printer.print(s.cfg.Aside, s.enveloped(false, serviceName, p.from.dest, reply))
}

func (stepTeller) ended(s *session, r *request, _ *plan, o protocol.Outcome) {
	tellEnd(s, r, o, strings.ToLower(o.Status))
}

func (commandTeller) ended(s *session, r *request, _ *plan, o protocol.Outcome) {
	tellEnd(s, r, o, o.Status)
}

func tellEnd(s *session, r *request, o protocol.Outcome, status string) {
	if o.Status == protocol.StatusCompleted {
		s.tellInOrder(r, field{"type", encode("saga_complete")}, field{"saga_id", encode(o.SagaID)}, field{"status", encode(status)})
		return
	}
	s.tellInOrder(r, field{"type", encode("saga_" + strings.ToLower(o.Status))}, field{"saga_id", encode(o.SagaID)},
		field{"status", encode(status)}, field{"reason", encode(o.Reason)})
}

// ended prints the answer as its document does: the body alone, whatever the form
// of the request.
func (endTeller) ended(s *session, r *request, p *plan, o protocol.Outcome) {
	alone := *r
	alone.bare = true
	name, state := "saga_completed", "completed"
	last := field{"completed_steps", encode(len(p.steps))}
	switch o.Status {
	case protocol.StatusCompleted:
	case protocol.StatusAborted:
		name, state = "saga_compensated", "compensated"
		last = field{"compensated_steps", encode(slices.Concat([]string{}, p.undone))}
	default:
		name, state = "saga_"+strings.ToLower(o.Status), strings.ToLower(o.Status)
		last = field{"reason", encode(o.Reason)}
	}
	s.tellInOrder(&alone, field{"type", encode(name)}, field{"in_reply_to", r.head.MsgID}, field{"saga_id", encode(p.sagaID)},
		field{"state", encode(state)}, last)
}

// field is one field of a message whose fields have an order.
type field struct {
	name  string
	value []byte
}

// tellInOrder tells a body of these fields, in this order; those without a value
// are left out. In an envelope it is numbered.
func (s *session) tellInOrder(r *request, fields ...field) {
	body := []byte("{}")
	for _, f := range fields {
		if f.value != nil {
			body = with(body, f.name, f.value)
		}
	}
	if !r.bare {
		body = with(body, "msg_id", s.number())
	}
	s.tell(r, body)
}

func typeOf(body []byte) string {
	var h head
	_ = json.Unmarshal(body, &h) // a reply of ours
	return h.Type
}
