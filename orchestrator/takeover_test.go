package orchestrator

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"amends/protocol"
	"amends/saga"
	"amends/store"

	"github.com/nats-io/nats.go/jetstream"
)

// waiting starts a saga that stands in the middle: goods reserved, nobody there
// to take the money.
func (s *stage) waiting(sagaID string) {
	s.Helper()
	s.away(protocol.SubjectCharge)
	s.start(sagaID, 0)
	s.eventually(sagaID+" waits for payment", func() bool { return s.status(sagaID).CurrentStep == 2 })
}

// longAckWait is longer than any of these tests would take by itself, so that
// what happens sooner did not wait for it.
const longAckWait = time.Minute

func patiently(c *Config) { c.AckWait = longAckWait }

// The sagas of a dead orchestrator go on at once at the next start,
// not after the ack wait.
func TestARestartTakesOverAtOnce(t *testing.T) {
	s := newStage(t)
	first := s.orchestrator("one", patiently)
	s.prices(first)
	s.waiting("c1")
	s.kill(first)

	begin := time.Now()
	s.prices(s.orchestrator("two", patiently))
	s.listen(protocol.SubjectCharge)
	s.ends("c1", "COMPLETED")
	if took := time.Since(begin); took >= longAckWait {
		t.Errorf("took %s, as long as the ack wait", took)
	}
	if owner := s.status("c1").Owner; owner != "two" {
		t.Errorf("the owner is %s", owner)
	}
}

// With another orchestrator there, the sagas of a dead one go on
// within the ack wait.
func TestAnotherOrchestratorTakesOver(t *testing.T) {
	s := newStage(t)
	first := s.orchestrator("one")
	s.prices(first)
	s.waiting("c1")
	s.prices(s.orchestrator("two"))
	s.kill(first)
	s.listen(protocol.SubjectCharge)
	s.ends("c1", "COMPLETED")
}

// A stopped orchestrator hands its sagas back: another one has them at once.
func TestAStoppedOrchestratorHandsBack(t *testing.T) {
	s := newStage(t)
	first := s.orchestrator("one", patiently)
	s.prices(first)
	s.waiting("c1")
	s.prices(s.orchestrator("two", patiently))
	begin := time.Now()
	s.stop(first)
	s.eventually("the other one has it", func() bool { return s.status("c1").Owner == "two" })
	if took := time.Since(begin); took >= longAckWait {
		t.Errorf("took %s, as long as the ack wait", took)
	}
}

// A saga that waits for a worker does not hold up a process that is to stop: it is
// handed back before it would leave by itself.
func TestAWaitDoesNotHoldUpAStop(t *testing.T) {
	s := newStage(t)
	o := s.orchestrator("one")
	s.prices(o)
	s.waiting("c1")
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	s.must(o.Stop(ctx))
	if ctx.Err() != nil {
		t.Error("the process has waited as long as it may")
	}
}

// An owner that has lost its saga is refused by the journal, and
// dies without acknowledging or returning the message.
func TestAStaleOwnerIsFencedOff(t *testing.T) {
	s := newStage(t)
	o := s.orchestrator("one")
	s.prices(o)
	s.waiting("c1")
	s.usurp(o, "c1")
	s.listen(protocol.SubjectCharge) // the stale owner now has something to write
	s.eventually("the stale owner is fenced off", func() bool { return o.fencedOff.Load() == 1 })
	s.eventually("the stale owner is gone", func() bool { return len(o.living()) == 0 })
	info, err := o.inbox.Info(t.Context())
	s.must(err)
	if info.NumAckPending != 1 {
		t.Errorf("%d messages are held, want 1: that of the new owner", info.NumAckPending)
	}
	if slices.Contains(s.commands(), "c1.3.do") {
		t.Error("the stale owner went on")
	}
}

// usurp takes a saga over behind the back of its owner, as another orchestrator
// would.
func (s *stage) usurp(o *Orchestrator, sagaID string) {
	s.Helper()
	id, err := protocol.ParseSagaID(sagaID)
	s.must(err)
	s.eventually("the saga is taken over", func() bool {
		j, _, err := o.records.load(s.Context(), id)
		s.must(err)
		r := j.Record
		r.Owner, r.Epoch = "usurper", r.Epoch+1
		_, err = o.records.bucket.Put(s.Context(), store.Write{
			Key: sagaID, Value: r.Encode(), Revision: j.Revision, Header: r.Header(j.Def, &j.State),
		})
		return err == nil
	})
}

// A record that was tampered with is never continued, and never
// begun anew.
func TestABrokenRecordIsNeverContinued(t *testing.T) {
	s := newStage(t)
	first := s.orchestrator("one")
	s.prices(first)
	s.waiting("c1")
	s.kill(first)
	second := s.server.Config(t)
	bucket, err := store.Open(t.Context(), second.Writer, store.Config{Name: protocol.BucketSagas})
	s.must(err)
	entry, err := bucket.Get(t.Context(), "c1")
	s.must(err)
	broken := []byte(string(entry.Value))
	events := strings.Index(string(broken), `"events"`)
	broken[events+slices.Index(broken[events:], '2')]++ // a digit of some event
	_, err = bucket.Put(t.Context(), store.Write{Key: "c1", Value: broken, Revision: entry.Revision, Header: entry.Header})
	s.must(err)

	before := len(s.commands())
	s.prices(s.orchestrator("two"))
	s.listen(protocol.SubjectCharge)
	s.ends("c1", string(saga.Stuck))
	if incidents := s.status("c1").Incidents; len(incidents) == 0 {
		t.Error("the damage is not told")
	}
	if after := s.commands(); len(after) != before {
		t.Errorf("commands were sent: %v", after[before:])
	}
}

// A saga whose actor panics does not hurt the others, comes again, and is
// quarantined when it keeps panicking.
func TestAPanicHurtsOneSagaOnly(t *testing.T) {
	s := newStage(t)
	o := s.orchestrator("one")
	s.prices(o)
	s.waiting("c1")
	s.quarantine(o, "c1")
	s.start("c2", 0)
	s.eventually("another saga goes on", func() bool { return s.status("c2").CurrentStep == 2 })
}

func (o *Orchestrator) lives(sagaID string) bool {
	return slices.ContainsFunc(o.living(), func(i *instance) bool { return i.id.String() == sagaID })
}

// Something purged the inbox: the reconciler finds the open saga and brings it
// back.
func TestAForgottenSagaIsRevived(t *testing.T) {
	s := newStage(t)
	first := s.orchestrator("one")
	s.prices(first)
	s.waiting("c1")
	s.kill(first)
	s.purgeInbox()

	second := s.orchestrator("two", func(c *Config) {
		c.Now = func() time.Time { return time.Now().Add(2 * reconcileEvery) }
	})
	s.prices(second)
	s.listen(protocol.SubjectCharge)
	if phase := s.status("c1").Status; phase != "PENDING" {
		t.Fatalf("the saga is %s before anything revived it", phase)
	}
	s.must(second.reconcileOnce(t.Context()))
	s.ends("c1", "COMPLETED")
}

func (s *stage) purgeInbox() {
	s.Helper()
	js, err := jetstream.New(s.client)
	s.must(err)
	stream, err := js.Stream(s.Context(), protocol.StreamInbox)
	s.must(err)
	s.must(stream.Purge(s.Context()))
}

// A record that an operator has deleted does not stand in the way of a new saga
// of the same id.
func TestADeletedRecordMakesRoom(t *testing.T) {
	s := newStage(t)
	s.prices(s.orchestrator("one"))
	s.start("c1", 5000)
	js, err := jetstream.New(s.client)
	s.must(err)
	kv, err := js.KeyValue(t.Context(), protocol.BucketSagas)
	s.must(err)
	s.must(kv.Delete(t.Context(), "c1"))
	// While the inbox still lets go of the first one, the answer is "try again".
	s.eventually("the id is free again", func() bool {
		return s.start("c1", 5000).Type == protocol.TypeCheckoutComplete
	})
}

// A saga finishes on the definition it began with, also when the program that
// takes it over has another version of it.
func TestASagaKeepsItsDefinition(t *testing.T) {
	s := newStage(t)
	first := s.orchestrator("one")
	s.prices(first)
	s.waiting("c1")
	s.kill(first)
	s.prices(s.orchestrator("two", func(c *Config) {
		changed := *c.Definitions["checkout"]
		changed.Deadline++
		c.Definitions["checkout"] = &changed
	}))
	s.listen(protocol.SubjectCharge)
	s.ends("c1", "COMPLETED")
	if out := s.start("c2", 5000); out.Type != protocol.TypeCheckoutComplete {
		t.Errorf("on the new version: %+v", out)
	}
}

// A client must not choose where on the server an answer is stored.
func TestAnAnswerDoesNotGoIntoABucket(t *testing.T) {
	s := newStage(t)
	o := s.orchestrator("one")
	s.prices(o)
	s.start("victim", 5000)
	body := `{"saga_id":"c1","user_id":"u42","items":[{"sku":"abc123","quantity":2}],"shipping_address":"123 Main St"}`
	s.must(s.client.PublishRequest(protocol.SubjectStart, "$KV.SAGAS.victim", []byte(body)))
	s.must(s.client.PublishRequest(protocol.SubjectStart, "$KV.SAGAS.victim", []byte(`not JSON`)))
	if out := s.start("c2", 5000); out.Status != "COMPLETED" {
		t.Errorf("answered %+v", out)
	}
	if status := s.status("victim"); status.Status != "COMPLETED" {
		t.Errorf("the victim is %+v", status)
	}
}

// A trace context of any size, or a worker that talks too much, does not make a
// record that the server would not take.
func TestARecordStaysSmall(t *testing.T) {
	s := newStage(t)
	long := strings.Repeat("x", 60_000)
	s.answer(protocol.SubjectReserve, func(c protocol.Command) string {
		return fmt.Sprintf(`{"type":"%s_error","saga_id":"%s","step":%d,"error":"e","message":"%s","retryable":true}`, c.Type, c.SagaID, c.Step, long)
	})
	s.prices(s.orchestrator("one", func(c *Config) {
		impatient(c.Definitions["checkout"])
		c.Definitions["checkout"].Steps[0].Action.Retry.Attempts = 40
	}))
	out := s.start("c1", 15000)
	if out.Status != "ABORTED" {
		t.Errorf("answered %+v", out)
	}
}
