package audit_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"amends/audit"
	"amends/protocol"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// fillInventory stores so many deliveries of nothing that reading them takes a
// while.
func (s *system) fillInventory(deliveries int) {
	s.t.Helper()
	js, err := jetstream.New(s.nc, jetstream.WithPublishAsyncMaxPending(2000))
	must(s.t, err)
	for n := range deliveries {
		subject := protocol.BucketSubject(protocol.BucketInventory, fmt.Sprintf("restock.d%d", n))
		s.publish(js, []*nats.Msg{{Subject: subject, Data: []byte(`{"row":{"lines":[]}}`)}})
	}
	<-js.PublishAsyncComplete()
}

// sellAllTheTime writes the row of an SKU anew, again and again, until the test
// ends. It returns when that goes on.
func (s *system) sellAllTheTime(sku string, onHand int) (stop func()) {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.ctx)
	goesOn, ended := make(chan struct{}), make(chan struct{})
	subject := protocol.BucketSubject(protocol.BucketInventory, "stock."+sku)
	go func() {
		defer close(ended)
		for n := 0; ctx.Err() == nil; n++ {
			if _, err := s.js.Publish(ctx, subject, encode(doc{"sku": sku, "on_hand": onHand})); err != nil && ctx.Err() == nil {
				s.t.Error(err)
			}
			if n == 10 {
				close(goesOn)
			}
		}
	}()
	<-goesOn
	stop = func() { cancel(); <-ended }
	s.t.Cleanup(stop)
	return stop
}

// TestASaleHidesNothing: an SKU that sells all the time may not be judged, which is
// said; one that is oversold and stands still is (I1).
func TestASaleHidesNothing(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 0, allBuckets...)
	s.putAll(completed("fine"))
	s.putStock("abc123", 1) // two are reserved
	s.putStock("xyz789", 5)
	s.fillInventory(20000)
	s.sellAllTheTime("xyz789", 5)
	r := s.audit()
	if got := names(r.Findings); got != "I1 abc123;" {
		t.Errorf("found %q, notes %q", got, r.Notes)
	}
	alone, err := audit.RunStock(s.ctx, s.nc)
	must(t, err)
	if got := names(alone.Findings); got != "I1 abc123;" {
		t.Errorf("the stock alone: found %q, notes %q", got, alone.Notes)
	}
}

// TestWhatCannotBeJudgedIsNotOK: no verdict is no good one, and takes none back.
func TestWhatCannotBeJudgedIsNotOK(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 0, allBuckets...)
	s.putAll(completed("fine"))
	s.putStock("abc123", 2)
	s.putStock("xyz789", 0) // one is reserved
	s.fillInventory(20000)
	w := s.watch(0)
	if r := w.next(); names(r.Report.Findings) != "I1 xyz789;" {
		t.Fatalf("the first round: %+v", r.Report)
	}
	stop := s.sellAllTheTime("xyz789", 5)
	w.next() // may have begun before
	for range 2 {
		r := w.next()
		if r.Report.Unjudged > 0 && len(r.Gone) > 0 {
			t.Errorf("nobody has judged it, and it is gone: %+v, notes %q", r.Gone, r.Report.Notes)
		}
		if r.Report.Unjudged > 0 && !strings.Contains(strings.Join(r.Report.Notes, ";"), "xyz789") {
			t.Errorf("notes %q", r.Report.Notes)
		}
	}
	stop()
	w.until("")
}

func TestAnIncompleteReportIsNotOK(t *testing.T) {
	t.Parallel()
	var text bytes.Buffer
	r := audit.Report{Unjudged: 1, Notes: []string{"the stock of a1 changed all the time"}}
	must(t, r.WriteText(&text))
	if strings.Contains(text.String(), "OK:") || !strings.Contains(text.String(), "INCOMPLETE: ") {
		t.Errorf("a report that is not complete says\n%s", text.String())
	}
}

// TestFiredTimer: a saga whose timer has fired is not forgotten, even if no
// orchestrator is there to take it (I6).
func TestFiredTimer(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 0, allBuckets...)
	_, err := s.js.CreateStream(s.ctx, jetstream.StreamConfig{
		Name: protocol.StreamTimers, Subjects: []string{protocol.TimerSubjects},
		AllowMsgSchedules: true, AllowMsgTTL: true, AllowDirect: true, MaxMsgsPerSubject: 1,
	})
	must(t, err)
	s.putStock("abc123", 100)
	s.putStock("xyz789", 100)
	s.putAll(begin("waits").fates(accept))
	s.unqueue("waits")
	fired, err := s.js.OrderedConsumer(s.ctx, protocol.StreamTimers, jetstream.OrderedConsumerConfig{FilterSubjects: []string{"timer.due.waits"}})
	must(t, err)
	timer := nats.NewMsg("timer.at.waits")
	timer.Header.Set("Nats-Schedule", "@at "+time.Now().UTC().Format(time.RFC3339Nano))
	timer.Header.Set("Nats-Schedule-Target", "timer.due.waits")
	_, err = s.js.PublishMsg(s.ctx, timer)
	must(t, err)
	if _, err := fired.Next(jetstream.FetchContext(s.ctx)); err != nil {
		t.Fatal(err)
	}
	if r := s.audit(); !r.OK() {
		t.Errorf("found %+v", r.Findings)
	}
	timers, err := s.js.Stream(s.ctx, protocol.StreamTimers)
	must(t, err)
	must(t, timers.Purge(s.ctx))
	if got := names(s.audit().Findings); got != "I6 waits;" {
		t.Errorf("without a timer %q is found", got)
	}
}

// TestWatchOfMoreThanItKeeps: of more findings than a report holds none is told
// gone before it is, in rounds of either kind.
func TestWatchOfMoreThanItKeeps(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 0, allBuckets...)
	js, err := jetstream.New(s.nc, jetstream.WithPublishAsyncMaxPending(2000))
	must(t, err)
	orphans := func(first, last int) {
		for n := first; n < last; n++ {
			for place, row := range begin(fmt.Sprintf("orphan%d", n)).fates(accept).rows {
				bucket, key, _ := strings.Cut(place, " ")
				s.publish(js, []*nats.Msg{{Subject: protocol.BucketSubject(bucket, key), Data: encode(row)}})
			}
		}
		<-js.PublishAsyncComplete()
	}
	s.putStock("abc123", 10000)
	s.putStock("xyz789", 10000)
	orphans(0, 990)
	for _, full := range []time.Duration{time.Hour, 0} {
		ctx, stop := context.WithCancel(s.ctx)
		round := 0
		must(t, audit.Watch(ctx, s.nc, terms, audit.Pace{Every: time.Millisecond, Full: full}, func(r audit.Round) {
			if len(r.Gone) > 0 || r.Err != nil {
				t.Errorf("round %d, full %t: %d are gone, error %v", round, r.Full, len(r.Gone), r.Err)
			}
			if round++; round == 1 && full > 0 {
				orphans(990, 1100)
			}
			if round == 3 {
				stop()
			}
		}))
	}
}
