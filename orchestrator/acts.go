package orchestrator

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"time"

	"amends/journal"
	"amends/protocol"
	"amends/saga"

	"github.com/nats-io/nats.go/micro"
)

// act is what a person wants of one saga.
type act struct {
	id      protocol.SagaID
	wait    time.Duration
	event   func(*journal.Saga) (saga.Event, error)
	reached func(*saga.State) bool // the saga is where the act would bring it; nil if that cannot be
}

func (o *Orchestrator) handleCancel(r micro.Request) {
	var request protocol.CancelRequest
	o.serveAct(r, &request, func() (act, error) {
		e := saga.Event{Type: saga.CancelRequested, By: request.By, Reason: request.Reason}
		reached := func(s *saga.State) bool { return s.Phase == saga.Aborted || s.Phase == saga.Compensating }
		if request.Kill {
			e.Type = saga.KillRequested
			reached = func(s *saga.State) bool { return s.Phase == saga.Killed }
		}
		return newAct(request.SagaID, request.WaitMS, e, reached)
	})
}

func (o *Orchestrator) handleRetry(r micro.Request) {
	var request protocol.RetryRequest
	o.serveAct(r, &request, func() (act, error) {
		return newAct(request.SagaID, request.WaitMS, saga.Event{Type: saga.RetryRequested, By: request.By, Reason: request.Reason}, nil)
	})
}

func (o *Orchestrator) handleResolve(r micro.Request) {
	var request protocol.ResolveRequest
	o.serveAct(r, &request, func() (act, error) {
		return newAct(request.SagaID, request.WaitMS, saga.Event{
			Type: saga.StepResolved, Step: request.Step, As: saga.Resolution(request.As), Fields: withoutNulls(request.Fields),
			By: request.By, Reason: request.Reason, Evidence: request.Evidence,
		}, nil)
	})
}

// withoutNulls leaves out fields that are null: they count as absent.
func withoutNulls(fields map[string]json.RawMessage) map[string]json.RawMessage {
	maps.DeleteFunc(fields, func(_ string, value json.RawMessage) bool { return string(value) == "null" })
	return fields
}

func (o *Orchestrator) handleMigrate(r micro.Request) {
	var request protocol.MigrateRequest
	o.serveAct(r, &request, func() (act, error) {
		a, err := newAct(request.SagaID, request.WaitMS, saga.Event{}, nil)
		a.event = func(j *journal.Saga) (saga.Event, error) {
			version, err := o.version(j.Definition, request.Hash)
			return saga.Event{Type: saga.Migrated, By: request.By, Reason: request.Reason, Definition: version}, err
		}
		return a, err
	})
}

// version finds the version of a definition that is asked for; the one that is
// loaded if none is.
func (o *Orchestrator) version(name, hash string) (*saga.Definition, error) {
	if hash == "" {
		hash = o.hashes[name]
	}
	ctx, cancel := context.WithTimeout(o.background, loadTimeout)
	defer cancel()
	def, err := o.records.definitions.fetch(ctx, name, hash)
	if errors.Is(err, errNoDefinition) {
		return nil, &protocol.Error{Code: protocol.CodeDefinitionUnknown, Field: "hash", Message: "is no version of " + name + " that is known here"}
	}
	return def, err
}

func newAct(sagaID string, waitMS *int64, e saga.Event, reached func(*saga.State) bool) (act, error) {
	id, err := protocol.ParseSagaID(sagaID)
	wait := DefaultWait
	if waitMS != nil {
		wait = time.Duration(*waitMS) * time.Millisecond
	}
	return act{id: id, wait: wait, reached: reached, event: func(*journal.Saga) (saga.Event, error) { return e, nil }}, err
}

// serveAct reads a request, writes the act into the journal, and answers when
// the saga has settled or the time to wait is over.
func (o *Orchestrator) serveAct(r micro.Request, request interface{ Validate() error }, read func() (act, error)) {
	o.serveAside(r, request, func(ctx context.Context) (any, error) {
		a, err := read()
		if err != nil {
			return nil, err
		}
		return o.carryOut(ctx, &a)
	})
}

func (o *Orchestrator) carryOut(ctx context.Context, a *act) (any, error) {
	j, err := o.interject(ctx, a.id, func(j *journal.Saga) (saga.Event, error) {
		e, err := a.event(j)
		if err == nil {
			err = refusal(j, &e)
		}
		return e, err
	})
	if err != nil && (j == nil || a.reached == nil || !a.reached(&j.State)) {
		return nil, refuseBroken(err)
	}
	return o.settledOutcome(ctx, a.id, a.wait)
}

// refuseBroken tells a person that nothing can be done about a saga whose journal
// is damaged; other errors it leaves as they are.
func refuseBroken(err error) error {
	if !isBroken(err) {
		return err
	}
	return &protocol.Error{Code: protocol.CodeActRefused, Message: "the journal of the saga is damaged, so no act is possible: put a good copy back, or settle it by hand and delete it"}
}

// refusal tells a person why an act is not possible.
func refusal(j *journal.Saga, e *saga.Event) error {
	why := saga.Refusal(j.Def, &j.State, e)
	switch {
	case why == "":
		return nil
	case j.State.Phase.Terminal():
		return &protocol.Error{Code: protocol.CodeSagaEnded, Message: why}
	}
	return &protocol.Error{Code: protocol.CodeActRefused, Message: why}
}
