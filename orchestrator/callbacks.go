package orchestrator

import (
	"context"
	"crypto/subtle"
	"errors"
	"strconv"
	"strings"

	"amends/journal"
	"amends/protocol"
	"amends/saga"

	"github.com/nats-io/nats.go/micro"
)

// handleCallback takes the result of a step that its worker has sent later
// (S4-11). Whoever sends it repeats it until it is answered: the answer comes
// when the journal has it.
func (o *Orchestrator) handleCallback(r micro.Request) {
	subject, body, reply := r.Subject(), r.Data(), r.Reply()
	o.requests.run(func() {
		ctx, cancel := context.WithTimeout(o.background, asideTimeout)
		defer cancel()
		answer, err := o.takeCallback(ctx, subject, body)
		if err != nil {
			o.respondError(reply, err)
			return
		}
		o.respond(reply, answer)
	})
}

// address is the subject of a callback, taken apart.
type address struct {
	id    protocol.SagaID
	step  int
	token string
}

func parseAddress(subject string) (address, error) {
	tokens := strings.Split(subject, ".")
	if len(tokens) != 5 {
		return address{}, errAddress
	}
	id, err := protocol.ParseSagaID(tokens[2])
	if err != nil {
		return address{}, err
	}
	step, err := strconv.Atoi(tokens[3])
	if err != nil || step < 1 || step > protocol.MaxSteps {
		return address{}, errAddress
	}
	return address{id: id, step: step, token: tokens[4]}, nil
}

var errAddress = &protocol.Error{Code: protocol.CodeInvalidField, Field: "step", Message: "of the address is not the number of a step"}

// errToken answers whoever does not know the token. It does not tell whether the
// step exists.
var errToken = &protocol.Error{Code: protocol.CodeTokenRefused, Message: "the token is not the one that was given out for this step"}

func (o *Orchestrator) takeCallback(ctx context.Context, subject string, body []byte) (*protocol.CallbackAccepted, error) {
	to, err := parseAddress(subject)
	if err != nil {
		return nil, err
	}
	j, err := o.interject(ctx, to.id, func(j *journal.Saga) (saga.Event, error) { return resultOf(j, to, body) })
	effect := protocol.CallbackTaken
	switch {
	case errors.Is(err, errStale):
		effect = staleEffect(&j.State, to.step)
		o.log.Info().Str("saga_id", to.id.String()).Int("step", to.step).Str("effect", effect).Msg("a result came for a step that needs none")
	case err != nil:
		o.logForged(to, err)
		return nil, err
	case j.State.Steps[to.step-1].Regretted:
		effect = protocol.CallbackReversing
		o.log.Warn().Str("saga_id", to.id.String()).Int("step", to.step).Msg("a success came after its step was given up; undoing it")
	}
	return &protocol.CallbackAccepted{Type: protocol.TypeCallbackAccepted, SagaID: to.id.String(), Step: to.step, Effect: effect}, nil
}

func (o *Orchestrator) logForged(to address, err error) {
	if errors.Is(err, errToken) {
		o.log.Warn().Str("saga_id", to.id.String()).Int("step", to.step).Msg("a result came with a wrong token; refused")
	}
}

// resultOf checks a callback and makes it an event. The body is the reply that
// the action would have had.
func resultOf(j *journal.Saga, to address, body []byte) (saga.Event, error) {
	if !isAwaitable(j, to) {
		return saga.Event{}, errToken
	}
	action := &j.Def.Step(to.step).Action
	parsed, err := protocol.ParseReply(action.Type, to.id, to.step, body)
	if err != nil {
		return saga.Event{}, err
	}
	e := saga.Event{Step: to.step, Via: saga.ViaCallback}
	switch parsed.Verdict {
	case protocol.Accepted:
		kept, problem := keep(action.Keep, parsed.Fields)
		if problem != "" {
			return saga.Event{}, &protocol.Error{Code: protocol.CodeMissingField, Message: problem}
		}
		e.Type, e.Fields = saga.StepAccepted, kept
	case protocol.Declined:
		e.Type = saga.StepDeclined
		noteRefusal(&e, &parsed.Failure)
	default:
		return saga.Event{}, &protocol.Error{Code: protocol.CodeUnknownType, Field: "type", Message: "of a result must be " + action.Type + "_ok or " + action.Type + "_failed"}
	}
	return e, nil
}

// isAwaitable reports whether the step may be answered later, and the token is
// the one that was given out for it.
func isAwaitable(j *journal.Saga, to address) bool {
	if to.step > len(j.Def.Steps) || j.Def.Step(to.step).Reply != saga.Callback || j.State.Start.Secret == "" {
		return false
	}
	return subtle.ConstantTimeCompare([]byte(j.State.Start.Token(to.step)), []byte(to.token)) == 1
}

// staleEffect says what became of a result that changed nothing.
func staleEffect(s *saga.State, step int) string {
	if s.Steps[step-1].Regretted {
		return protocol.CallbackReversing
	}
	switch s.Steps[step-1].Status {
	case saga.StepCompleted, saga.StepFailed, saga.StepCompensated:
		return protocol.CallbackDuplicate
	}
	return protocol.CallbackIgnored
}
