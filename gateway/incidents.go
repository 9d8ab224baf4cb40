package gateway

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"sync"

	"amends/protocol"

	"github.com/danielgtaylor/huma/v2"
)

// Incidents are the open incidents of all sagas that match.
type Incidents struct {
	Type      string              `json:"type"`
	Incidents []protocol.Incident `json:"incidents"`
	Sagas     int                 `json:"sagas" doc:"Sagas that match, listed or not."`
}

// lookups bounds the sagas of one listing that are looked up at once.
const lookups = 8

func (g *Gateway) addIncidents(a huma.API) {
	add(a, route{
		method: http.MethodGet, path: "/v1/incidents", id: "list-incidents", tag: tagSagas, summary: "List open incidents",
		doc:   "What needs a person: of the newest sagas that match, all incidents that are open. limit counts sagas.",
		codes: []protocol.Code{protocol.CodeDuplicateField, protocol.CodeInvalidID},
	}, g.listIncidents)
}

// listIncidents looks up every saga that has an incident: the record of a saga is
// the truth about it.
func (g *Gateway) listIncidents(ctx context.Context, in *filterInput) (*bodyOutput[Incidents], error) {
	request, err := in.request()
	if err != nil {
		return nil, err
	}
	request.Incident = cmp.Or(request.Incident, protocol.AnyIncident)
	ctx, cancel := context.WithTimeout(ctx, g.cfg.Timeout)
	defer cancel()
	var list protocol.List
	if err := g.ask(ctx, protocol.SubjectList, request, 0, &list); err != nil {
		return nil, err
	}
	statuses, err := g.statuses(ctx, list.Sagas)
	if err != nil {
		return nil, err
	}
	out := &bodyOutput[Incidents]{Incidents{Type: "incidents", Incidents: []protocol.Incident{}, Sagas: list.Total}}
	for _, status := range statuses {
		for _, incident := range status.Incidents {
			if request.Incident == protocol.AnyIncident || request.Incident == incident.Kind {
				out.Body.Incidents = append(out.Body.Incidents, incident)
			}
		}
	}
	return out, nil
}

// statuses looks sagas up, some at once. One that has gone meanwhile is left
// empty.
func (g *Gateway) statuses(ctx context.Context, sagas []protocol.Summary) ([]protocol.Status, error) {
	all, errs := make([]protocol.Status, len(sagas)), make([]error, len(sagas))
	var tasks sync.WaitGroup
	places := make(chan struct{}, lookups)
	for n := range sagas {
		places <- struct{}{}
		tasks.Go(func() {
			defer func() { <-places }()
			status, err := g.status(ctx, sagas[n].SagaID)
			if errors.Is(err, &protocol.Error{Code: protocol.CodeSagaNotFound}) {
				return
			}
			if errs[n] = err; err == nil {
				all[n] = *status
			}
		})
	}
	tasks.Wait()
	return all, errors.Join(errs...)
}
