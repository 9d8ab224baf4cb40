package order

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"amends/protocol"
	"amends/store"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// The stream ORDERS is held against what a pure fold over all journals says: the
// same events of each order, in the same order, each exactly once (S1-03).

// Orders move on while they are told, in small steps and in large ones.
func TestEventsFollowTheRecords(t *testing.T) {
	s, random := newShop(t), dice(t)
	s.service()
	var open []*life
	for n := range 40 {
		open = append(open, live(random, fmt.Sprint("saga", n)))
	}
	for len(open) > 0 {
		n := random.IntN(len(open))
		grown := open[n].grow(random)
		for grown && random.IntN(3) == 0 { // several events between two records
			grown = open[n].grow(random)
		}
		s.write(open[n])
		if !grown || len(open[n].events) > 60 {
			open = append(open[:n], open[n+1:]...)
		}
	}
	s.caughtUp(protocol.ConsumerOrders)
	s.isTold()
}

// The bucket keeps the last record of a saga only: whoever comes late finds all
// events in it.
func TestARoleThatComesLateTellsEverything(t *testing.T) {
	s, random := newShop(t), dice(t)
	for n := range 300 {
		s.write(live(random, fmt.Sprint("saga", n)).liveOn(random))
	}
	s.service()
	s.caughtUp(protocol.ConsumerOrders)
	s.isTold()
}

// Every replica gets every record, and all of them at once: far worse than any
// redelivery.
func TestAStormOfRedeliveries(t *testing.T) {
	s, random := newShop(t), dice(t)
	const replicas = 4
	for n := range replicas {
		s.service(func(svc *Service) { svc.pace.durable = fmt.Sprint("order-", n) })
	}
	for n := range 60 {
		l := live(random, fmt.Sprint("saga", n))
		for l.grow(random) && len(l.events) < 40 {
			s.write(l)
		}
	}
	for n := range replicas {
		s.caughtUp(fmt.Sprint("order-", n))
	}
	s.isTold()
}

// Replicas share the work, come and go.
func TestReplicasComeAndGo(t *testing.T) {
	s, random := newShop(t), dice(t)
	s.service()
	for round := range 10 {
		svc := s.service()
		for n := range 10 {
			l := live(random, fmt.Sprint("saga", round, "-", n))
			for l.grow(random) && len(l.events) < 30 {
				s.write(l)
			}
		}
		s.stop(svc)
	}
	s.caughtUp(protocol.ConsumerOrders)
	s.isTold()
}

// A consumer that is set back to the beginning, or deleted, has everything
// delivered once more, and nothing is told twice, long after the server has
// forgotten the ids of the messages.
func TestFromTheBeginningOnceMore(t *testing.T) {
	s, random := newShop(t), dice(t)
	for n := range 100 {
		s.write(live(random, fmt.Sprint("saga", n)).liveOn(random))
	}
	first := s.service()
	s.caughtUp(protocol.ConsumerOrders)
	s.forgetMessageIDs()
	stream := protocol.BucketStream(protocol.BucketSagas)
	_, err := s.js.ResetConsumerToSequence(t.Context(), stream, protocol.ConsumerOrders, 1)
	s.must(err)
	s.delivered(100)
	s.isTold()

	s.must(s.js.DeleteConsumer(t.Context(), stream, protocol.ConsumerOrders))
	s.delivered(100) // the role makes it anew
	s.isTold()

	s.stop(first)
	s.must(s.js.DeleteConsumer(t.Context(), stream, protocol.ConsumerOrders))
	s.service()
	s.delivered(100)
	s.isTold()
}

// delivered waits until a consumer, from its beginning on, has had so many records
// handled.
func (s *shop) delivered(records uint64) {
	s.Helper()
	s.eventually("all records were delivered once more", func() bool { return s.hasHandled(protocol.ConsumerOrders, records) })
}

// forgetMessageIDs waits until the window of the server's own dedupe is over.
func (s *shop) forgetMessageIDs() {
	s.Helper()
	n := 0
	s.eventually("the server has forgotten a message id", func() bool {
		n++
		m := nats.NewMsg("order.probe.Probe")
		m.Header.Set(jetstream.MsgIDHeader, "probe")
		ack, err := s.js.PublishMsg(s.Context(), m)
		s.must(err)
		return n > 1 && !ack.Duplicate
	})
	stream, err := s.js.Stream(s.Context(), protocol.StreamOrders)
	s.must(err)
	s.must(stream.Purge(s.Context(), jetstream.WithPurgeSubject("order.probe.Probe")))
}

// Two replicas go on from the same place; the second one is late, so late that the
// server has forgotten the ids of the messages. It is refused, looks again, and
// finds nothing left to tell.
func TestOfTwoOneIsRefused(t *testing.T) {
	s, random := newShop(t), dice(t)
	l := live(random, "saga1").liveOn(random)
	s.lives = append(s.lives, l)
	first, second := s.service(), s.service()
	a, b := s.draft(first, l), s.draft(second, l)
	s.must(second.outbox.look(t.Context(), b))
	s.must(first.tell(t.Context(), []*draft{a}))
	s.forgetMessageIDs()
	late, _, err := compose([]*draft{b})
	s.must(err)
	if _, err := s.writer.PublishBatchWait(t.Context(), late); !errors.Is(err, store.ErrConflict) {
		t.Errorf("the late one is told %v", err)
	}
	s.isTold()
	s.must(second.tell(t.Context(), []*draft{b}))
	s.isTold()
}

// draft is what a replica has to tell of a life.
func (s *shop) draft(svc *Service, l *life) *draft {
	s.Helper()
	r, err := svc.records.open(s.Context(), l.record().Encode(), 1, time.UnixMicro(0))
	s.must(err)
	id, err := protocol.ParseSagaID(l.id)
	s.must(err)
	d, err := draftOf(id, r)
	s.must(err)
	return d
}

// A record that cannot be read is left alone, and costs the others nothing; once
// it is repaired it is told.
func TestABrokenRecordIsNotTold(t *testing.T) {
	s, random := newShop(t), dice(t)
	s.service()
	broken := live(random, "broken").liveOn(random)
	r := broken.record()
	r.Tip = "0000"
	s.put(s.sagas, store.Write{Key: "broken", Value: r.Encode()})
	s.put(s.sagas, store.Write{Key: "nothing", Value: []byte("no record")})
	s.put(s.sagas, store.Write{Key: "no.saga", Value: []byte("{}")})
	s.write(live(random, "sound").liveOn(random))
	s.caughtUp(protocol.ConsumerOrders)
	s.isTold()
	s.write(broken)
	s.caughtUp(protocol.ConsumerOrders)
	s.isTold()
}

// A record whose definition is not stored yet waits for it.
func TestADefinitionMayComeLater(t *testing.T) {
	s, random := newShop(t), dice(t)
	s.service()
	l := live(random, "early")
	l.def.Deadline++ // another version
	l.liveOn(random)
	s.write(l)
	s.write(live(random, "sound").liveOn(random))
	s.eventually("the other one is told", func() bool { return len(s.told()["osound"]) > 0 })
	if len(s.told()["oearly"]) > 0 {
		t.Fatal("a journal was told whose definition nobody knows")
	}
	s.define(l.def)
	s.caughtUp(protocol.ConsumerOrders)
	s.isTold()
}

// Somebody else writes into the stream of an order: that is left alone, and the
// order is told as if it were not there.
func TestForeignMessagesAreLeftAlone(t *testing.T) {
	s, random := newShop(t), dice(t)
	s.service()
	l := live(random, "saga1")
	for l.grow(random) && len(l.events) < 40 {
		s.write(l)
		s.caughtUp(protocol.ConsumerOrders)
		_, err := s.js.Publish(t.Context(), "order.osaga1.Hello", []byte("hello"))
		s.must(err)
	}
	stream, err := s.js.Stream(t.Context(), protocol.StreamOrders)
	s.must(err)
	s.must(stream.Purge(t.Context(), jetstream.WithPurgeSubject("order.osaga1.Hello")))
	s.isTold()
}

// The stream is full: nothing is lost, and when there is room it is told.
func TestAFullStreamIsWaitedFor(t *testing.T) {
	s, random := newShop(t), dice(t)
	s.service()
	stream, err := s.js.Stream(t.Context(), protocol.StreamOrders)
	s.must(err)
	cfg := stream.CachedInfo().Config
	cfg.MaxMsgs = 40
	_, err = s.js.UpdateStream(t.Context(), cfg)
	s.must(err)
	for n := range 30 {
		s.write(live(random, fmt.Sprint("saga", n)).liveOn(random))
	}
	s.eventually("the stream is full", func() bool {
		info, err := stream.Info(t.Context())
		s.must(err)
		return info.State.Msgs >= 20
	})
	cfg.MaxMsgs = -1
	_, err = s.js.UpdateStream(t.Context(), cfg)
	s.must(err)
	s.caughtUp(protocol.ConsumerOrders)
	s.isTold()
}

// The server goes away in the middle, and comes back.
func TestAServerThatRestartsLosesNothing(t *testing.T) {
	s, random := newShop(t), dice(t)
	s.service()
	for round := range 3 {
		for n := range 40 {
			s.write(live(random, fmt.Sprint("saga", round, "-", n)).liveOn(random))
		}
		s.server.Stop()
		s.server.Start(t)
		s.eventually("the connection is back", s.nc.IsConnected)
	}
	s.caughtUp(protocol.ConsumerOrders)
	s.isTold()
}
