package orchestrator

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"amends/journal"
	"amends/protocol"
	"amends/saga"
	"amends/store"

	"github.com/nats-io/nats.go/micro"
)

func (o *Orchestrator) handleStatus(r micro.Request) {
	var request protocol.StatusRequest
	o.serveAside(r, &request, func(ctx context.Context) (any, error) {
		id, err := protocol.ParseSagaID(request.SagaID)
		if err != nil {
			return nil, err
		}
		return o.status(ctx, id)
	})
}

// status reads one saga. A record that cannot be trusted is reported as STUCK,
// with the damage as its incident.
func (o *Orchestrator) status(ctx context.Context, id protocol.SagaID) (*protocol.Status, error) {
	j, _, err := o.records.load(ctx, id)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return o.queuedStatus(ctx, id)
	case errors.Is(err, store.ErrUnavailable):
		return nil, &protocol.Error{Code: protocol.CodeUnavailable, Message: "the journal cannot be read now; try again"}
	}
	if broken, ok := errors.AsType[*brokenError](err); ok {
		return o.brokenStatus(broken), nil
	}
	if err != nil {
		return nil, err
	}
	return statusOf(j), nil
}

func (o *Orchestrator) brokenStatus(e *brokenError) *protocol.Status {
	return &protocol.Status{
		Type: protocol.TypeCheckoutStatus, SagaID: e.id.String(), Status: protocol.StatusStuck,
		CompletedSteps: []int{}, CompensatingSteps: []int{}, Steps: []protocol.StepStatus{},
		Incidents: []protocol.Incident{o.foreign(e.id, protocol.IncidentBrokenRecord, e)},
		UpdatedAt: timestamp(e.stored), Revision: e.revision,
	}
}

// queuedStatus looks for a saga that was taken in but has no owner yet.
func (o *Orchestrator) queuedStatus(ctx context.Context, id protocol.SagaID) (*protocol.Status, error) {
	queued, err := store.LastOn(ctx, o.cfg.Conn, protocol.StreamInbox, protocol.SubjectInbox(id))
	if errors.Is(err, store.ErrNotFound) {
		return nil, errNoSaga
	}
	if err != nil {
		return nil, err
	}
	var e entry
	if err := json.Unmarshal(queued.Value, &e); err != nil || e.Start == nil {
		return nil, errors.Join(errNoSaga, err)
	}
	return &protocol.Status{
		Type: protocol.TypeCheckoutStatus, SagaID: id.String(), Definition: e.Start.Definition,
		DefinitionHash: e.Start.DefinitionHash, Status: protocol.StatusPending, WaitingFor: "an orchestrator to take it",
		CompletedSteps: []int{}, CompensatingSteps: []int{}, Steps: []protocol.StepStatus{},
		StartedAt: timestamp(e.At), UpdatedAt: timestamp(e.At),
	}, nil
}

// statusOf shows a journal in the shape of N0-2.
func statusOf(j *journal.Saga) *protocol.Status {
	s := &j.State
	status := &protocol.Status{
		Type: protocol.TypeCheckoutStatus, SagaID: j.SagaID, Definition: j.Definition,
		DefinitionHash: j.Def.Hash(), Status: publicStatus(s.Phase),
		CompletedSteps: []int{}, CompensatingSteps: []int{}, Reason: s.Reason, Incidents: incidentsOf(j.Def, s),
		WaitingFor: waitingFor(j.Def, s), StartedAt: timestamp(s.Began), UpdatedAt: timestamp(j.Persisted[len(j.Persisted)-1]),
		Owner: j.Owner, Revision: j.Revision,
	}
	if s.Phase == saga.Completed {
		status.OrderID = s.Start.OrderID
	}
	if expires := s.Expires(j.Def); expires != 0 {
		status.Deadline = timestamp(expires)
	}
	for _, n := range inProgress(s) {
		if status.CurrentStep == 0 {
			status.CurrentStep = n
		}
		if at := nextAt(&s.Steps[n-1]); at != "" && (status.NextAttemptAt == "" || at < status.NextAttemptAt) {
			status.NextAttemptAt = at
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

// inProgress are the steps about which something is done, or would be if the saga
// were not STUCK. One that was killed keeps the statuses that its steps had, but
// nothing is done about them.
func inProgress(s *saga.State) []int {
	if s.Phase.Terminal() {
		return nil
	}
	return s.Active()
}

// nextAt is when a step that waits goes on by itself, if nothing happens before.
func nextAt(step *saga.StepState) string {
	if step.Due <= step.Since {
		return ""
	}
	return timestamp(step.Due)
}

func stepStatus(def *saga.Definition, s *saga.State, number int) protocol.StepStatus {
	step, state := def.Step(number), &s.Steps[number-1]
	out := protocol.StepStatus{
		Step: number, Transaction: step.Action.Type, Service: step.Service, Status: string(state.Status),
		Attempts: state.Attempts, CompensationAttempts: state.Compensations, LastError: state.LastError, RequestID: state.RequestID,
	}
	if slices.Contains(inProgress(s), number) {
		out.NextAttemptAt = nextAt(state)
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
		return protocol.StatusPending
	}
	return string(p)
}

// waitingFor says in words what a saga waits for.
func waitingFor(def *saga.Definition, s *saga.State) string {
	if s.Phase == saga.Stuck {
		return "a person to resolve the incident"
	}
	var reasons []string
	for _, n := range inProgress(s) {
		reasons = append(reasons, stepWaitsFor(def.Step(n), &s.Steps[n-1], def.Operation(n, s.Mode(n))))
	}
	return strings.Join(reasons, "; ")
}

func stepWaitsFor(step *saga.Step, state *saga.StepState, op *saga.Operation) string {
	switch {
	case state.Absent != 0:
		return "a worker of " + step.Service + " on " + op.Subject + ": nobody listens there, or all are busy"
	case state.Status == saga.StepWaiting:
		return "the result of " + op.Type + " from " + step.Service
	case state.Attempt > 1:
		return "attempt " + strconv.Itoa(state.Attempt) + " of " + op.Type + " at " + step.Service
	}
	return op.Type + " at " + step.Service
}

// timestamp writes an instant as RFC 3339 in UTC (S1-12).
func timestamp(at saga.Instant) string {
	return time.UnixMicro(int64(at)).UTC().Format(time.RFC3339Nano)
}
