package orchestrator

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"amends/protocol"
	"amends/saga"
	"amends/store"

	"github.com/nats-io/nats.go/micro"
)

func (o *Orchestrator) handleStatus(r micro.Request) {
	var request protocol.StatusRequest
	_, err := protocol.Decode(r.Data(), &request)
	if err == nil {
		err = request.Validate()
	}
	if err != nil {
		o.respondError(r.Reply(), err)
		return
	}
	go o.respondStatus(r, request)
}

func (o *Orchestrator) respondStatus(r micro.Request, request protocol.StatusRequest) {
	id, err := protocol.ParseSagaID(request.SagaID)
	if err != nil {
		o.respondError(r.Reply(), err)
		return
	}
	status, err := o.status(context.Background(), id)
	if err != nil {
		o.respondError(r.Reply(), err)
		return
	}
	o.respond(r.Reply(), status)
}

// status reads one saga. A record that cannot be trusted is reported as STUCK,
// with the damage as its incident.
func (o *Orchestrator) status(ctx context.Context, id protocol.SagaID) (*protocol.Status, error) {
	j, entry, err := o.journal.load(ctx, id)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return o.queuedStatus(ctx, id)
	case errors.Is(err, errNoDefinition):
		return nil, &protocol.Error{Code: protocol.CodeUnavailable, Message: "the saga began with a definition that is not known here; ask an orchestrator that has it"}
	case isBroken(err):
		return &protocol.Status{
			Type: protocol.TypeCheckoutStatus, SagaID: id.String(), Status: string(saga.Stuck), Incident: err.Error(),
			CompletedSteps: []int{}, CompensatingSteps: []int{}, Steps: []protocol.StepStatus{},
			UpdatedAt: timestamp(Instant(entry.Stored)), Revision: entry.Revision,
		}, nil
	case errors.Is(err, store.ErrUnavailable):
		return nil, &protocol.Error{Code: protocol.CodeUnavailable, Message: "the journal cannot be read now; try again"}
	case err != nil:
		return nil, err
	}
	return statusOf(j, Instant(entry.Stored)), nil
}

// queuedStatus looks for a saga that was taken in but has no owner yet.
func (o *Orchestrator) queuedStatus(ctx context.Context, id protocol.SagaID) (*protocol.Status, error) {
	queued, err := store.LastOn(ctx, o.cfg.Conn, protocol.StreamInbox, protocol.SubjectInboxStart(id))
	if errors.Is(err, store.ErrNotFound) {
		return nil, &protocol.Error{Code: protocol.CodeSagaNotFound, Field: "saga_id", Message: "is the id of no saga here"}
	}
	if err != nil {
		return nil, err
	}
	var e entry
	if err := json.Unmarshal(queued.Value, &e); err != nil {
		return nil, err
	}
	return &protocol.Status{
		Type: protocol.TypeCheckoutStatus, SagaID: id.String(), Definition: e.Start.Definition,
		DefinitionHash: e.Start.DefinitionHash, Status: "PENDING", WaitingFor: "an orchestrator to take it",
		CompletedSteps: []int{}, CompensatingSteps: []int{}, Steps: []protocol.StepStatus{},
		StartedAt: timestamp(e.At), UpdatedAt: timestamp(e.At),
	}, nil
}

// statusOf shows a journal in the shape of N0-2.
func statusOf(j *Journal, updated saga.Instant) *protocol.Status {
	s := &j.State
	status := &protocol.Status{
		Type: protocol.TypeCheckoutStatus, SagaID: j.SagaID, Definition: j.Definition,
		DefinitionHash: s.Start.DefinitionHash, Status: publicStatus(s.Phase),
		CompletedSteps: []int{}, CompensatingSteps: []int{}, Reason: s.Reason, Incident: s.Incident,
		WaitingFor: waitingFor(j.Def, s), StartedAt: timestamp(s.Began), UpdatedAt: timestamp(updated),
		Owner: j.Owner, Revision: j.Revision,
	}
	if s.Phase == saga.Completed {
		status.OrderID = s.Start.OrderID
	}
	if s.Phase.Live() {
		status.CurrentStep = s.Cursor
		if s.Due > s.Since {
			status.NextAttemptAt = timestamp(s.Due)
		}
	}
	for n := range s.Steps {
		status.Steps = append(status.Steps, stepStatus(j.Def, s, n+1))
		switch s.Steps[n].Status {
		case saga.StepCompleted:
			status.CompletedSteps = append(status.CompletedSteps, n+1)
		case saga.StepCompensating, saga.StepCompensated, saga.StepCompensationFailed:
			status.CompensatingSteps = append(status.CompensatingSteps, n+1)
		}
	}
	return status
}

func stepStatus(def *saga.Definition, s *saga.State, number int) protocol.StepStatus {
	step, state := def.Step(number), &s.Steps[number-1]
	out := protocol.StepStatus{
		Step: number, Transaction: step.Action.Type, Service: step.Service, Status: string(state.Status),
		Attempts: state.Attempts, CompensationAttempts: state.Compensations, LastError: state.LastError,
	}
	if len(state.Kept) > 0 {
		// Kept fields are JSON already; putting them together cannot fail.
		out.Result, _ = json.Marshal(state.Kept)
	}
	return out
}

// publicStatus names the phase as clients know it (N0-2).
func publicStatus(p saga.Phase) string {
	if p == saga.Running {
		return "PENDING"
	}
	return string(p)
}

// waitingFor says in words what a saga waits for.
func waitingFor(def *saga.Definition, s *saga.State) string {
	if s.Phase == saga.Stuck {
		return "a person to resolve the incident"
	}
	if !s.Phase.Live() {
		return ""
	}
	step := def.Step(s.Cursor)
	op := def.Operation(s.Cursor, s.Phase == saga.Compensating)
	switch {
	case s.Absent:
		return "a worker of " + step.Service + " on " + op.Subject + ": nobody listens there, or all are busy"
	case s.Attempt > 1:
		return "attempt " + itoa(s.Attempt) + " of " + op.Type + " at " + step.Service
	}
	return op.Type + " at " + step.Service
}

// timestamp writes an instant as RFC 3339 in UTC (S1-12).
func timestamp(at saga.Instant) string {
	return time.UnixMicro(int64(at)).UTC().Format(time.RFC3339Nano)
}
