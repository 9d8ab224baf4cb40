package orchestrator

import (
	"context"
	"sort"
	"strconv"
	"time"

	"amends/protocol"
	"amends/saga"
	"amends/store"

	"github.com/nats-io/nats.go/micro"
)

// defaultLimit is how many sagas a list holds unless the client asks for another
// number.
const defaultLimit = 100

// scanTimeout bounds one pass over the headers of all records.
const scanTimeout = 30 * time.Second

func (o *Orchestrator) handleList(r micro.Request) {
	var request protocol.ListRequest
	var err error
	if len(r.Data()) > 0 {
		_, err = protocol.Decode(r.Data(), &request)
	}
	if err == nil {
		err = request.Validate()
	}
	if err != nil {
		o.respondError(r.Reply(), err)
		return
	}
	go o.respondList(r, request)
}

func (o *Orchestrator) respondList(r micro.Request, request protocol.ListRequest) {
	ctx, cancel := context.WithTimeout(o.background, scanTimeout)
	defer cancel()
	list, err := o.list(ctx, request)
	if err != nil {
		o.log.Warn().Err(err).Msg("cannot list sagas")
		o.respondError(r.Reply(), &protocol.Error{Code: protocol.CodeUnavailable, Message: "the journal cannot be read now; try again"})
		return
	}
	o.respond(r.Reply(), list)
}

// summary is what the headers of a record say about a saga.
type summary struct {
	id         string
	phase      saga.Phase
	definition string
	owner      string
	started    saga.Instant
	updated    time.Time
}

func summaryOf(f store.Followed) summary {
	return summary{
		id: f.Key, phase: saga.Phase(f.Header.Get(protocol.HeaderPhase)),
		definition: f.Header.Get(protocol.HeaderDefinition), owner: f.Header.Get(protocol.HeaderOwner),
		started: instantOf(f.Header, protocol.HeaderStarted), updated: f.Stored,
	}
}

// list reads the headers of all records; values are not touched.
func (o *Orchestrator) list(ctx context.Context, request protocol.ListRequest) (*protocol.List, error) {
	var found []summary
	err := o.journal.bucket.Scan(ctx, ">", true, func(f store.Followed) {
		s := summaryOf(f)
		if !f.Deleted && (request.Status == "" || request.Status == publicStatus(s.phase)) {
			found = append(found, s)
		}
	})
	if err != nil {
		return nil, err
	}
	sort.Slice(found, func(a, b int) bool { return found[a].started > found[b].started })
	list := &protocol.List{Type: protocol.TypeCheckoutList, Sagas: []protocol.Summary{}, Total: len(found)}
	limit := request.Limit
	if limit == 0 {
		limit = defaultLimit
	}
	for _, s := range found[:min(limit, len(found))] {
		list.Sagas = append(list.Sagas, protocol.Summary{
			SagaID: s.id, Definition: s.definition, Status: publicStatus(s.phase),
			StartedAt: timestamp(s.started), UpdatedAt: timestamp(Instant(s.updated)),
		})
	}
	return list, nil
}

func itoa(n int) string { return strconv.Itoa(n) }
