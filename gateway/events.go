package gateway

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"

	"amends/protocol"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// An event stream shows the journal of one saga. Whoever watches is told that
// something happened by a subject that nobody stores; so that is taken as a hint
// to read the record again, and never as the news itself. The subscription is
// there before the first read, and every heartbeat reads, too (feed.go): no event is
// missed, told twice, or told before it is safe.

type eventsInput struct {
	ID   string `path:"id" doc:"The saga_id."`
	Last string `header:"Last-Event-ID" doc:"The id of the last event that was seen; the stream goes on behind it." example:"3"`
}

func (g *Gateway) addEvents(a huma.API) {
	add(a, route{
		method: http.MethodGet, path: "/v1/sagas/{id}/events", id: "watch-saga", tag: tagSagas, summary: "Watch a saga",
		doc: "Server-sent events. First all that has happened, then what happens, each as an event `transition` whose id is its seq. " +
			"An event `status` tells where the saga stands whenever that changes. Once the saga has ended, an event `end` tells how, " +
			"and the stream is closed; asking again behind it is answered with 204, which tells a browser to stop. " +
			"Lines that begin with a colon only say that the stream is alive.",
		codes: []protocol.Code{protocol.CodeInvalidID, protocol.CodeSagaNotFound},
	}, func(_ context.Context, in *eventsInput) (*huma.StreamResponse, error) {
		return &huma.StreamResponse{Body: func(ctx huma.Context) {
			r, w := humago.Unwrap(ctx)
			callOf(r.Context()).isStream = true
			if err := g.watch(w, r, in); err != nil {
				refuse(w, r, err)
			}
		}}, nil
	})
	stream := a.OpenAPI().Paths["/v1/sagas/{id}/events"].Get
	schema := a.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[Transition](), true, "")
	stream.Responses["200"] = &huma.Response{
		Description: "The stream; the data of an event transition is JSON of this shape.",
		Content:     map[string]*huma.MediaType{"text/event-stream": {Schema: schema}},
	}
	stream.Responses["204"] = &huma.Response{Description: "The saga has ended, and its end has been seen."}
}

// watch answers with the events of a saga. An error is returned only as long as
// nothing was sent.
func (g *Gateway) watch(w http.ResponseWriter, r *http.Request, in *eventsInput) error {
	id, err := protocol.ParseSagaID(in.ID)
	if err != nil {
		return err
	}
	seen, ended, err := parseEventID(in.Last)
	if err != nil {
		return err
	}
	select {
	case g.watchers <- struct{}{}:
		defer func() { <-g.watchers }()
	default:
		return problem(protocol.CodeOverloaded, "", "too many event streams are open; ask for the saga itself, or try again later")
	}
	f, leave, err := g.join(id)
	if err != nil {
		return err
	}
	defer leave()
	first, err := g.firstRecord(r.Context(), id)
	if err != nil {
		return err
	}
	if ended && isTerminal(first.status()) && seen == len(first.Events) {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	g.metrics.watchers.Inc()
	defer g.metrics.watchers.Dec()
	s := newStream(w, r, id, seen)
	if r.Method != http.MethodHead && s.open() == nil {
		g.follow(r.Context(), s, first, f)
	}
	return nil
}

// firstRecord reads the record of a saga for the first time. A saga that was
// taken in but has no owner has none yet: its record is empty.
func (g *Gateway) firstRecord(ctx context.Context, id protocol.SagaID) (*record, error) {
	r, err := g.readRecord(ctx, id)
	if !errors.Is(err, errNoRecord) {
		return r, err
	}
	status, err := g.status(ctx, id.String())
	if err != nil {
		return nil, err
	}
	return &record{SagaID: status.SagaID, Phase: status.Status}, nil
}

// follow tells what happens until the saga has ended, the client has gone, or the
// gateway stops. r was read after the feed was joined; what the feed has read before
// that is older.
func (g *Gateway) follow(ctx context.Context, s *stream, r *record, f *feed) {
	beat := time.NewTicker(g.cfg.Heartbeat)
	defer beat.Stop()
	for {
		latest, changed := g.feeds.look(f)
		if latest != nil && latest.revision > r.revision {
			r = latest
		}
		if err := s.tell(r); err != nil || isTerminal(r.status()) {
			return
		}
		select {
		case <-changed:
		case <-beat.C:
			if s.alive() != nil {
				return
			}
		case <-g.draining:
			s.askAgain()
			return
		case <-ctx.Done():
			return
		}
	}
}

// endMark follows the number of the last event in the id of the event end, so
// that a client which has seen the end can be told so.
const endMark = ".end"

// parseEventID reads the header Last-Event-ID.
func parseEventID(text string) (seq int, ended bool, err error) {
	if text == "" {
		return 0, false, nil
	}
	text, ended = strings.CutSuffix(text, endMark)
	seq, err = strconv.Atoi(text)
	if err != nil || seq < 0 || strconv.Itoa(seq) != text {
		return 0, false, problem(protocol.CodeInvalidField, "Last-Event-ID", "must be the id of an event of this stream")
	}
	return seq, ended, nil
}
