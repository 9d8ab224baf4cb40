package orchestrator

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"amends/protocol"
	"amends/saga"
	"amends/store"
)

// The bucket INCIDENTS shows what needs a person: one key per saga. It is made
// from the journal and never decides anything; rows that are wrong after a crash
// are put right by the search for forgotten sagas.

// noteIncidents brings the row of a saga up to date after a transition. before
// is nil if it is not known.
func (o *Orchestrator) noteIncidents(id protocol.SagaID, d *saga.Definition, before, after *saga.State) {
	switch {
	case after.Phase == saga.Stuck:
		// finish shows them, and waits for it.
	case len(after.Incidents) > 0 && (before == nil || !slices.Equal(before.Incidents, after.Incidents)):
		o.showIncidents(id, d, after, func() {})
	case len(after.Incidents) == 0 && before != nil && len(before.Incidents) > 0:
		o.closeIncidents(id)
	}
}

// showIncidents writes the row of a saga and calls done when it is there, or
// when that has failed: the record of the saga has it all the same.
func (o *Orchestrator) showIncidents(id protocol.SagaID, d *saga.Definition, s *saga.State, done func()) {
	o.writeIncidents(id, incidentsOf(d, s), done)
}

func (o *Orchestrator) writeIncidents(id protocol.SagaID, incidents []protocol.Incident, done func()) {
	// Texts, numbers and times: this cannot fail.
	row, _ := json.Marshal(incidents)
	o.incidents.Submit(&store.Write{Key: id.String(), Value: row, Any: true}, func(_ uint64, err error) {
		if err != nil {
			o.log.Warn().Err(err).Str("saga_id", id.String()).Msg("cannot show an incident in the bucket INCIDENTS")
		}
		done()
	})
	o.publishIncidents(id, row)
}

func (o *Orchestrator) closeIncidents(id protocol.SagaID) {
	o.incidents.Submit(&store.Write{Key: id.String(), Delete: true, Any: true}, func(_ uint64, err error) {
		if err != nil {
			o.log.Debug().Err(err).Str("saga_id", id.String()).Msg("cannot take an incident out of the bucket INCIDENTS")
		}
	})
	o.publishIncidents(id, []byte("[]"))
}

// publishIncidents tells watchers; nothing depends on it.
func (o *Orchestrator) publishIncidents(id protocol.SagaID, row []byte) {
	if err := o.cfg.Conn.Publish(protocol.SubjectIncidents(id), row); err != nil {
		o.log.Debug().Err(err).Str("saga_id", id.String()).Msg("cannot publish an incident")
	}
}

// showBroken shows that the record of a saga cannot be trusted.
func (o *Orchestrator) showBroken(id protocol.SagaID, cause error, done func()) {
	o.writeIncidents(id, []protocol.Incident{o.foreign(id, protocol.IncidentBrokenRecord, cause)}, done)
}

// showUnknown shows that nobody has the definition of a saga.
func (o *Orchestrator) showUnknown(id protocol.SagaID, cause error) {
	o.writeIncidents(id, []protocol.Incident{o.foreign(id, protocol.IncidentDefinitionUnknown, cause)}, func() {})
}

// foreign is an incident that no journal can hold.
func (o *Orchestrator) foreign(id protocol.SagaID, kind string, cause error) protocol.Incident {
	now := timestamp(o.now())
	return protocol.Incident{SagaID: id.String(), Kind: kind, Cause: cause.Error(), FirstAt: now, LastAt: now, Actions: []string{}}
}

// incidentsOf shows the open incidents of a saga.
func incidentsOf(d *saga.Definition, s *saga.State) []protocol.Incident {
	var shown []protocol.Incident
	for _, open := range s.Incidents {
		row := protocol.Incident{
			SagaID: s.Start.SagaID, Definition: d.Name, Kind: string(open.Kind), Step: open.Step, Cause: open.Cause,
			FirstAt: timestamp(open.First), LastAt: timestamp(open.Last), AtRisk: atRisk(d, s), Actions: possible(d, s, open.Step),
		}
		if open.Step > 0 {
			step := &s.Steps[open.Step-1]
			row.Command, row.Attempts = d.Step(open.Step).Action.Type, step.Attempts
			if open.Kind == saga.CompensationFailed || step.Status == saga.StepCompensating {
				row.Command, row.Attempts = d.Step(open.Step).Compensation.Type, step.Compensations
			}
		}
		shown = append(shown, row)
	}
	return shown
}

// possible are the acts that the saga allows where it stands. An incident of the
// saga as a whole is resolved at any of the steps in progress.
func possible(d *saga.Definition, s *saga.State, step int) []string {
	steps := []int{step}
	if step == 0 {
		steps = s.Active()
	}
	var resolutions []saga.Event
	for _, n := range steps {
		resolutions = append(resolutions, saga.Event{Type: saga.StepResolved, Step: n, As: saga.Skipped})
	}
	acts := []string{}
	for _, act := range []struct {
		name   string
		events []saga.Event
	}{
		{protocol.ActRetry, []saga.Event{{Type: saga.RetryRequested}}},
		{protocol.ActResolve, resolutions},
		{protocol.ActCancel, []saga.Event{{Type: saga.CancelRequested}}},
		{protocol.ActKill, []saga.Event{{Type: saga.KillRequested}}},
	} {
		if slices.ContainsFunc(act.events, func(e saga.Event) bool { return saga.Refusal(d, s, &e) == "" }) {
			acts = append(acts, act.name)
		}
	}
	return acts
}

// atRisk is the money that was taken for a saga and not given back, or may have
// been: the amount of the request, if a step that sends it may have had an
// effect.
func atRisk(d *saga.Definition, s *saga.State) *protocol.Amount {
	for n := range s.Steps {
		switch s.Steps[n].Status {
		case saga.StepPending, saga.StepFailed, saga.StepCompensated:
			continue
		}
		if amount := amountOf(&d.Steps[n].Action, s); amount != nil {
			return amount
		}
	}
	return nil
}

// amountOf is the money that a command is about; nil if it is about none.
func amountOf(op *saga.Operation, s *saga.State) *protocol.Amount {
	for _, f := range op.Send {
		if f.Name != "amount" {
			continue
		}
		amount := protocol.Amount{Amount: protocol.Decimal(s.Start.Request["amount"])}
		if json.Unmarshal(s.Start.Request["currency"], &amount.Currency) == nil && amount.Amount != "" {
			return &amount
		}
	}
	return nil
}

// incidentRows reads the whole bucket, which is small.
func (o *Orchestrator) incidentRows(ctx context.Context) (map[string][]protocol.Incident, error) {
	rows := make(map[string][]protocol.Incident)
	err := o.incidents.Scan(ctx, ">", false, func(f store.Followed) {
		var row []protocol.Incident
		if !f.Deleted && json.Unmarshal(f.Value, &row) == nil {
			rows[f.Key] = row
		}
	})
	return rows, err
}

// tidyIncidents puts rows right that a crash has left behind.
func (o *Orchestrator) tidyIncidents(ctx context.Context) error {
	rows, err := o.incidentRows(ctx)
	if err != nil {
		return err
	}
	for text := range rows {
		id, err := protocol.ParseSagaID(text)
		if err != nil {
			continue
		}
		j, _, err := o.records.load(ctx, id)
		gone := errors.Is(err, store.ErrNotFound) && !o.isQueued(ctx, id)
		if gone || err == nil && len(j.State.Incidents) == 0 {
			o.closeIncidents(id)
		}
	}
	return nil
}

// isQueued reports whether a saga is in the inbox, or may be.
func (o *Orchestrator) isQueued(ctx context.Context, id protocol.SagaID) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	_, err := store.LastOn(ctx, o.cfg.Conn, protocol.StreamInbox, protocol.SubjectInbox(id))
	return !errors.Is(err, store.ErrNotFound)
}
