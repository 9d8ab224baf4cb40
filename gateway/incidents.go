package gateway

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
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

// lookups bounds what is looked up at once for listings, of all clients together:
// one question of theirs may be a thousand of ours.
const lookups = 32

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
	statuses, err := lookUpAll(ctx, g, len(list.Sagas), func(n int) (*protocol.Status, error) { return g.status(ctx, list.Sagas[n].SagaID) })
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

// lookUpAll looks n things up, some at once. Those that have gone meanwhile are left
// out.
func lookUpAll[T any](ctx context.Context, g *Gateway, n int, lookUp func(int) (*T, error)) ([]*T, error) {
	all, errs := make([]*T, n), make([]error, n)
	var tasks sync.WaitGroup
	defer tasks.Wait()
	for i := range n {
		select {
		case g.lookups <- struct{}{}:
		case <-ctx.Done():
			return nil, g.unanswered(ctx.Err())
		}
		tasks.Go(func() {
			defer func() { <-g.lookups }()
			if one, err := lookUp(i); err == nil {
				all[i] = one
			} else if code := protocol.AsError(err).Code; code != protocol.CodeSagaNotFound && code != protocol.CodeNotFound {
				errs[i] = err
			}
		})
	}
	tasks.Wait()
	return slices.DeleteFunc(all, func(one *T) bool { return one == nil }), errors.Join(errs...)
}
