package gateway_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"amends/protocol"
	"amends/store"
)

// journal writes records as an orchestrator does, and announces them.
type journal struct {
	*stage
	bucket *store.Bucket
}

func (s *stage) journal() *journal {
	s.Helper()
	bucket, err := store.Open(s.Context(), s.server.Config(s.TB).Writer, store.Config{Name: protocol.BucketSagas})
	s.must(err)
	return &journal{s, bucket}
}

// has puts the first n events of a saga into its record.
func (j *journal) has(id, phase string, n int) {
	j.Helper()
	events := make([]string, n)
	for i := range events {
		events[i] = fmt.Sprintf(`{"seq":%d,"type":"StepAccepted","at":%d,"step":%d,"fields":{"payment_id":"p1"},"token":"hushhush","start":{"request":{"user_id":"u42"}}}`,
			i+1, 1_700_000_000_000_000+i, i+1)
	}
	value := fmt.Sprintf(`{"saga_id":"%s","phase":"%s","events":[%s]}`, id, phase, strings.Join(events, ","))
	j.write(id, value)
}

func (j *journal) write(id, value string) {
	j.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	before, err := j.bucket.Get(ctx, id)
	if err != nil && before.Revision != 0 {
		j.must(err)
	}
	_, err = j.bucket.Put(ctx, store.Write{Key: id, Value: []byte(value), Revision: before.Revision})
	j.must(err)
}

// announce tells watchers that something happened, as an owner does.
func (j *journal) announce(id string) {
	j.Helper()
	saga, err := protocol.ParseSagaID(id)
	j.must(err)
	j.must(j.nats.Publish(protocol.SubjectEvents(saga), []byte(`{}`)))
	j.must(j.nats.Flush())
}

// watcher reads an event stream.
type watcher struct {
	testing.TB
	response *http.Response
	lines    *bufio.Scanner
	stop     context.CancelFunc
}

type event struct{ name, id, data, retry string }

func (d *door) watch(id string, headers ...string) *watcher {
	d.Helper()
	return d.watchFor(patience, id, headers...)
}

// watchFor watches for so long at the most.
func (d *door) watchFor(long time.Duration, id string, headers ...string) *watcher {
	d.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), long)
	d.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, d.url+"/v1/sagas/"+id+"/events", nil)
	if err != nil {
		d.Fatal(err)
	}
	for n := 0; n < len(headers); n += 2 {
		r.Header.Set(headers[n], headers[n+1])
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		d.Fatal(err)
	}
	d.Cleanup(func() { _ = response.Body.Close() })
	return &watcher{d.TB, response, bufio.NewScanner(response.Body), cancel}
}

// next is the next event; a comment is one without a name. ok is false at the
// end of the stream.
func (w *watcher) next() (e event, ok bool) {
	for w.lines.Scan() {
		line := w.lines.Text()
		if line == "" {
			return e, true
		}
		switch name, value, _ := strings.Cut(line, ": "); name {
		case "event":
			e.name = value
		case "id":
			e.id = value
		case "data":
			e.data = value
		case "retry":
			e.retry = value
		}
	}
	return e, false
}

// story tells the stream up to an event, or to its end: a transition by its id,
// a status by what it says.
func (w *watcher) story(until string) string {
	w.Helper()
	var told []string
	for {
		e, ok := w.next()
		if !ok {
			if until != "" {
				w.Fatalf("the stream ended after %v, before %s", told, until)
			}
			return strings.Join(append(told, "closed"), " ")
		}
		var data struct{ Status string }
		_ = json.Unmarshal([]byte(e.data), &data)
		part := ""
		switch e.name {
		case "transition":
			part = e.id
		case "status":
			part = data.Status
		case "end":
			part = "end=" + e.id
		default:
			continue
		}
		if told = append(told, part); part == until {
			return strings.Join(told, " ")
		}
	}
}
