package orchestrator

import (
	"cmp"
	"context"
	"slices"
	"sort"
	"strings"
	"time"

	"amends/protocol"
	"amends/saga"
	"amends/store"

	"github.com/nats-io/nats.go/micro"
)

// scanTimeout bounds one pass over the headers of all records.
const scanTimeout = 30 * time.Second

func (o *Orchestrator) handleList(r micro.Request) {
	var request protocol.ListRequest
	o.serveAside(r, &request, func(ctx context.Context) (any, error) { return o.list(ctx, request) })
}

// summary is what the headers of a record say about a saga.
type summary struct {
	id         string
	phase      saga.Phase
	definition string
	steps      string
	code       string
	incident   string
	open       []protocol.Incident // all that are open, as the bucket INCIDENTS shows them
	started    saga.Instant
	updated    time.Time
	wake       saga.Instant
}

func summaryOf(f store.Followed) summary {
	return summary{
		id: f.Key, phase: saga.Phase(f.Header.Get(protocol.HeaderPhase)), definition: f.Header.Get(protocol.HeaderDefinition),
		steps: f.Header.Get(protocol.HeaderStep), code: f.Header.Get(protocol.HeaderCode), incident: f.Header.Get(protocol.HeaderIncident),
		started: instantOf(f.Header, protocol.HeaderStarted), updated: f.Stored, wake: instantOf(f.Header, protocol.HeaderWake),
	}
}

// list reads the headers of all records; values are not touched. What no record
// can say of itself stands in the bucket INCIDENTS.
func (o *Orchestrator) list(ctx context.Context, request protocol.ListRequest) (*protocol.List, error) {
	ctx, cancel := context.WithTimeout(ctx, scanTimeout)
	defer cancel()
	var found []summary
	rows, err := o.incidentRows(ctx)
	if err == nil {
		err = o.records.bucket.Scan(ctx, ">", true, func(f store.Followed) {
			s := summaryOf(f)
			s.overrule(rows[s.id])
			if !f.Deleted && s.matches(&request.Filter, o.cfg.Now()) {
				found = append(found, s)
			}
		})
	}
	if err != nil {
		o.log.Warn().Err(err).Msg("cannot list sagas")
		return nil, &protocol.Error{Code: protocol.CodeUnavailable, Message: "the journal cannot be read now; try again"}
	}
	sort.Slice(found, func(a, b int) bool { return found[a].started > found[b].started })
	list := &protocol.List{Type: protocol.TypeCheckoutList, Sagas: []protocol.Summary{}, Total: len(found)}
	limit := cmp.Or(request.Limit, protocol.DefaultListLimit)
	for _, s := range found[:min(limit, len(found))] {
		list.Sagas = append(list.Sagas, s.row())
	}
	return list, nil
}

// overrule takes in an incident that the record does not know of: it is broken,
// or nobody can read it. A record without a phase was written by nobody here.
func (s *summary) overrule(row []protocol.Incident) {
	s.open = row
	if s.phase == "" {
		s.phase, s.incident = saga.Stuck, protocol.IncidentBrokenRecord
	}
	for _, incident := range row {
		switch incident.Kind {
		case protocol.IncidentBrokenRecord, protocol.IncidentDefinitionUnknown:
			s.phase, s.incident = saga.Stuck, incident.Kind
		}
	}
}

func (s *summary) matches(f *protocol.Filter, now time.Time) bool {
	switch {
	case f.Status != "" && f.Status != publicStatus(s.phase),
		f.Definition != "" && f.Definition != s.definition,
		f.Step != "" && !slices.Contains(strings.Split(s.steps, ","), f.Step),
		f.Code != "" && f.Code != s.code,
		f.Incident != "" && !s.hasIncident(f.Incident),
		f.OlderThanMS > 0 && now.Sub(s.updated) < time.Duration(f.OlderThanMS)*time.Millisecond:
		return false
	}
	return true
}

// hasIncident reports whether an incident of a kind is open. The record says
// whether there is one, and of which kind the first is.
func (s *summary) hasIncident(kind string) bool {
	if s.incident == "" || kind == protocol.AnyIncident || kind == s.incident {
		return s.incident != ""
	}
	return slices.ContainsFunc(s.open, func(i protocol.Incident) bool { return i.Kind == kind })
}

func (s *summary) row() protocol.Summary {
	return protocol.Summary{
		SagaID: s.id, Definition: s.definition, Status: publicStatus(s.phase), Step: s.steps, Code: s.code, Incident: s.incident,
		StartedAt: timestamp(s.started), UpdatedAt: timestamp(Instant(s.updated)),
	}
}
