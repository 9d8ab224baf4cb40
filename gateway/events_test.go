package gateway_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"amends/gateway"
	"amends/protocol"

	"github.com/nats-io/nats.go"
)

// First what the journal has, then what happens; the end closes the stream.
func TestAStreamReplaysAndFollows(t *testing.T) {
	j := newStage(t).journal()
	d := j.gateway()
	j.has("c1", "RUNNING", 2)
	w := d.watch("c1")
	if told := w.story("PENDING"); told != "1 2 PENDING" {
		t.Errorf("told %s", told)
	}
	j.has("c1", "RUNNING", 3)
	j.announce("c1")
	if told := w.story("3"); told != "3" {
		t.Errorf("told %s", told)
	}
	j.has("c1", "COMPENSATING", 5)
	j.announce("c1")
	if told := w.story("COMPENSATING"); told != "4 5 COMPENSATING" {
		t.Errorf("told %s", told)
	}
	j.has("c1", "ABORTED", 6)
	j.announce("c1")
	if told := w.story(""); told != "6 ABORTED end=6.end closed" {
		t.Errorf("told %s", told)
	}
	if media := w.response.Header.Get("Content-Type"); media != "text/event-stream" {
		t.Errorf("is %s", media)
	}
}

// A saga that waits for a person has not ended.
func TestAStuckSagaIsFollowed(t *testing.T) {
	j := newStage(t).journal()
	d := j.gateway()
	j.has("c1", "STUCK", 2)
	w := d.watch("c1")
	if told := w.story("STUCK"); told != "1 2 STUCK" {
		t.Errorf("told %s", told)
	}
	j.has("c1", "ABORTED", 4)
	j.announce("c1")
	if told := w.story(""); told != "3 4 ABORTED end=4.end closed" {
		t.Errorf("told %s", told)
	}
}

// Last-Event-ID goes on where the client was; a client that has seen the end is
// told to stop, also a browser that would ask for ever.
func TestAStreamGoesOnWhereTheClientWas(t *testing.T) {
	j := newStage(t).journal()
	d := j.gateway()
	j.has("ended", "COMPLETED", 4)
	for last, want := range map[string]string{
		"":      "1 2 3 4 COMPLETED end=4.end closed",
		"0":     "1 2 3 4 COMPLETED end=4.end closed",
		"2":     "3 4 COMPLETED end=4.end closed",
		"4":     "COMPLETED end=4.end closed",
		"3.end": "4 COMPLETED end=4.end closed", // it went on after all
		"9":     "1 2 3 4 COMPLETED end=4.end closed",
	} {
		var headers []string
		if last != "" {
			headers = []string{"Last-Event-ID", last}
		}
		if told := d.watch("ended", headers...).story(""); told != want {
			t.Errorf("behind %q told %s, want %s", last, told, want)
		}
	}
	d.get("/v1/sagas/ended/events", "Last-Event-ID", "4.end").is(http.StatusNoContent, nil)
	for _, bad := range []string{"x", "-1", "+1", "01", "1.5", "99999999999999999999", "1.end.end"} {
		d.get("/v1/sagas/ended/events", "Last-Event-ID", bad).problem(422, protocol.CodeInvalidField, "Last-Event-ID")
	}
}

// What the journal has of the client and of callbacks is not for watchers.
func TestAStreamShowsOnlyWhatIsPublic(t *testing.T) {
	j := newStage(t).journal()
	d := j.gateway()
	j.has("c1", "COMPLETED", 1)
	w := d.watch("c1")
	for {
		e, ok := w.next()
		if !ok {
			break
		}
		if strings.Contains(e.data, "hushhush") || strings.Contains(e.data, "u42") {
			t.Errorf("shows %s", e.data)
		}
		if e.name == "transition" && e.data != `{"seq":1,"type":"StepAccepted","at":"2023-11-14T22:13:20Z","step":1,"fields":{"payment_id":"p1"}}` {
			t.Errorf("shows %s", e.data)
		}
	}
}

// No event is missed or told twice, however the beginning of a stream and the
// life of its saga fall together: also when the last announcement comes between
// the subscription and the first read.
func TestNothingIsMissedBetweenReplayAndFollow(t *testing.T) {
	j := newStage(t).journal()
	d := j.gateway(func(c *gateway.Config) { c.Heartbeat = time.Hour; c.MaxWatchers = 200 })
	const events = 12
	want := "1 2 3 4 5 6 7 8 9 10 11 12"
	var all sync.WaitGroup
	for n := range 40 {
		id := fmt.Sprintf("race-%d", n)
		j.has(id, "RUNNING", 1)
		all.Go(func() {
			for seq := 2; seq <= events; seq++ {
				phase := "RUNNING"
				if seq == events {
					phase = "COMPLETED"
				}
				j.has(id, phase, seq)
				j.announce(id)
			}
		})
		all.Go(func() {
			told := d.watch(id).story("")
			told = strings.ReplaceAll(strings.ReplaceAll(told, "PENDING ", ""), " COMPLETED end=12.end closed", "")
			if told != want {
				t.Errorf("%s told %s", id, told)
			}
		})
	}
	all.Wait()
}

// The very moment between the first look and the rest: the saga ends right after
// the gateway has asked for it, and nothing is announced ever after.
func TestTheEndIsNotMissedAtTheFirstLook(t *testing.T) {
	j := newStage(t).journal()
	j.respond(protocol.SubjectStatus, func(*nats.Msg) string {
		j.has("c1", "COMPLETED", 2)
		j.announce("c1")
		return `{"type":"checkout_status","saga_id":"c1","status":"PENDING"}`
	})
	d := j.gateway(func(c *gateway.Config) { c.Heartbeat = time.Hour })
	// Whether the beginning is told on its own is a matter of luck.
	if told := strings.TrimPrefix(d.watch("c1").story(""), "PENDING "); told != "1 2 COMPLETED end=2.end closed" {
		t.Errorf("told %s", told)
	}
}

// The announcement is not stored, and may be lost: the heartbeat reads, too.
func TestALostAnnouncementIsMadeUpFor(t *testing.T) {
	j := newStage(t).journal()
	d := j.gateway(func(c *gateway.Config) { c.Heartbeat = 20 * time.Millisecond })
	j.has("c1", "RUNNING", 1)
	w := d.watch("c1")
	w.story("PENDING")
	j.has("c1", "COMPLETED", 2)
	if told := w.story(""); told != "2 COMPLETED end=2.end closed" {
		t.Errorf("told %s", told)
	}
}

// A saga that was taken in and has no owner yet has no record: it is waited for.
func TestAStreamWaitsForTheFirstOwner(t *testing.T) {
	j := newStage(t).journal()
	j.answer(protocol.SubjectStatus, `{"type":"checkout_status","saga_id":"c1","status":"PENDING"}`)
	d := j.gateway()
	w := d.watch("c1")
	if told := w.story("PENDING"); told != "PENDING" {
		t.Errorf("told %s", told)
	}
	j.has("c1", "COMPLETED", 1)
	j.announce("c1")
	if told := w.story(""); told != "1 COMPLETED end=1.end closed" {
		t.Errorf("told %s", told)
	}
}

func TestAStreamOfNoSaga(t *testing.T) {
	j := newStage(t).journal()
	j.answer(protocol.SubjectStatus, `{"type":"error","code":"saga_not_found","message":"is the id of no saga here","field":"saga_id"}`)
	d := j.gateway()
	d.get("/v1/sagas/nothing/events").problem(404, protocol.CodeSagaNotFound, "saga_id")
	d.get("/v1/sagas/a.b/events").problem(422, protocol.CodeInvalidID, "saga_id")
	d.get("/v1/sagas/a%2Fb/events").problem(422, protocol.CodeInvalidID, "saga_id")
}

// A record that cannot be read is a fault of the system, and told as one.
func TestAStreamOfADamagedRecord(t *testing.T) {
	j := newStage(t).journal()
	d := j.gateway(func(c *gateway.Config) { c.Log = c.Log.Level(8) })
	j.write("c1", `{"events":"none"}`)
	d.get("/v1/sagas/c1/events").problem(500, protocol.CodeInternal, "")
}

func TestStreamsAreCounted(t *testing.T) {
	j := newStage(t).journal()
	d := j.gateway(func(c *gateway.Config) { c.MaxWatchers = 1 })
	j.has("c1", "RUNNING", 1)
	first := d.watch("c1")
	first.story("PENDING")
	a := d.get("/v1/sagas/c1/events")
	a.problem(503, protocol.CodeOverloaded, "")
	if a.header.Get("Retry-After") == "" {
		t.Error("does not say when to try again")
	}
	first.stop()
	eventually(t, "the place is free again", func() bool {
		w := d.watch("c1")
		defer w.stop()
		return w.response.StatusCode == http.StatusOK
	})
}

// HEAD tells what a stream would be, and is not one.
func TestAStreamIsNotOpenedByHEAD(t *testing.T) {
	j := newStage(t).journal()
	d := j.gateway()
	j.has("c1", "RUNNING", 1)
	if a := d.do(http.MethodHead, "/v1/sagas/c1/events", ""); a.status != 200 || a.header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("answered %d %v", a.status, a.header)
	}
}

// A stream outlives a restart of NATS, and misses nothing of it.
func TestAStreamOutlivesNATS(t *testing.T) {
	j := newStage(t).journal()
	d := j.gateway(func(c *gateway.Config) { c.Heartbeat = 50 * time.Millisecond })
	j.has("c1", "RUNNING", 1)
	w := d.watch("c1")
	w.story("PENDING")
	j.server.Stop()
	for alive := 0; alive < 3; alive++ { // it says that it is there, all the time
		if _, ok := w.next(); !ok {
			t.Fatal("the stream was closed")
		}
	}
	j.server.Start(t)
	eventually(t, "the journal is there again", func() bool {
		_, err := j.bucket.Get(t.Context(), "c1")
		return err == nil
	})
	j.has("c1", "COMPLETED", 3)
	if told := w.story(""); told != "2 3 COMPLETED end=3.end closed" {
		t.Errorf("told %s", told)
	}
}

// Whoever stops tells its watchers to come back, and when.
func TestStreamsAreClosedWithAHint(t *testing.T) {
	j := newStage(t).journal()
	d := j.gateway()
	j.has("c1", "RUNNING", 1)
	w := d.watch("c1")
	w.story("PENDING")
	stopped := make(chan error, 1)
	go func() { stopped <- d.Stop(context.Background()) }()
	e, ok := w.next()
	if !ok || e.retry == "" {
		t.Errorf("told %+v", e)
	}
	if told := w.story(""); told != "closed" {
		t.Errorf("told %s", told)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}
