package worker

import (
	"errors"
	"maps"
	"testing"

	"amends/store"

	"pgregory.net/rapid"
)

// TestChainNeverOversells drives replicas of a guarded book over a simulated
// stream, with single values and batches, with every message late, lost or
// overtaken, with records read long ago, and with connections that break (D16).
func TestChainNeverOversells(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &stream{}
		s.put("free", "", []byte("10"))
		var replicas []*replica
		for range 2 {
			replicas = append(replicas, newSeatingReplica(s, rapid.SampledFrom([]int{0, 2}).Draw(t, "group from")))
		}
		pick := func(t *rapid.T) *replica { return rapid.SampledFrom(replicas).Draw(t, "replica") }
		step := func(t *rapid.T) string {
			return rapid.SampledFrom([]string{"a.1", "b.1", "c.1", "d.1"}).Draw(t, "step")
		}
		for _, r := range replicas {
			r.redraw(0)
		}
		act := func(t *rapid.T) {
			r, step := pick(t), step(t)
			if rapid.IntRange(0, 3).Draw(t, "believes what it knows") > 0 {
				r.read(step)
			}
			switch rapid.SampledFrom([]string{"take", "take", "sell", "free"}).Draw(t, "do") {
			case "take":
				r.take(step, rapid.IntRange(1, 4).Draw(t, "seats"))
			case "sell":
				r.sell(step)
			case "free":
				r.free(step)
			}
		}
		actions := network(pick)
		maps.Copy(actions, map[string]func(*rapid.T){
			"act":         act,
			"act again":   act,
			"act at once": func(t *rapid.T) { act(t); act(t); act(t) },
			"sell all": func(t *rapid.T) {
				r := pick(t)
				for _, step := range []string{"a.1", "b.1", "c.1", "d.1"} {
					r.read(step)
					r.sell(step)
				}
			},
			"redraw": func(t *rapid.T) { pick(t).redraw(0) },
			"redraw from the horizon": func(t *rapid.T) {
				if from := pick(t); from.book.view.complete && len(from.links()) == 0 {
					pick(t).redraw(from.book.view.horizon())
				}
			},
			"reconnect": func(t *rapid.T) {
				r := pick(t)
				r.out, r.acks = nil, nil
				r.resume()
			},
			"the server loses its end": func(t *rapid.T) { loseEnd(t, s, replicas) },
			"an operator counts":       func(t *rapid.T) { s.keep(); s.put("free", "", s.on("free").value) },
			"": func(t *rapid.T) {
				truth := s.truth()
				if truth.left() < 0 || truth.free+s.sold() != 10 {
					t.Fatalf("of 10 seats %d are sold, %d are free, %d are left", s.sold(), truth.free, truth.left())
				}
			},
		})
		t.Repeat(actions)
		checkReplicas(t, s, replicas)
	})
}

// loseEnd lets the server forget its last writes, and all replicas come back to it.
func loseEnd(t *rapid.T, s *stream, replicas []*replica) {
	s.forget(rapid.IntRange(1, 3).Draw(t, "writes"))
	for _, r := range replicas {
		r.out, r.acks = nil, nil
		r.resume()
	}
}

// network is what may happen to a replica's parcels and acknowledgements.
func network(pick func(*rapid.T) *replica) map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"arrive": func(t *rapid.T) {
			r := pick(t)
			for range rapid.IntRange(1, 4).Draw(t, "parcels") {
				r.deliver()
			}
		},
		"acknowledge": func(t *rapid.T) {
			r := pick(t)
			for range rapid.IntRange(1, 4).Draw(t, "acknowledgements") {
				r.acknowledge()
			}
		},
		"follow": func(t *rapid.T) {
			r := pick(t)
			for range rapid.IntRange(1, 4).Draw(t, "changes") {
				r.follow()
			}
		},
		"go well": func(t *rapid.T) {
			r := pick(t)
			for len(r.out) > 0 {
				r.deliver()
			}
			for len(r.acks) > 0 {
				r.acknowledge()
			}
			r.followAll()
		},
		"lose an acknowledgement": func(t *rapid.T) {
			if r := pick(t); len(r.acks) > 0 {
				r.acks = r.acks[1:]
			}
		},
		"lose a parcel": func(t *rapid.T) {
			if r := pick(t); len(r.out) > 0 {
				r.out = r.out[1:]
			}
		},
		"give up": func(t *rapid.T) {
			if r := pick(t); r.book.view.chain.newest() != nil {
				r.book.view.chain.giveUp(r.book.view.chain.newest())
			}
		},
	}
}

// checkReplicas lets everything settle, and holds what each replica sees against
// what is stored.
func checkReplicas(t *rapid.T, s *stream, replicas []*replica) {
	t.Helper()
	settleAll(replicas)
	for i, r := range replicas {
		truth := s.truth()
		if got, want := r.picture.left(), truth.left(); got != want || r.book.view.chain.tip.sequence != s.last {
			t.Fatalf("replica %d sees %d seats left at %d, want %d at %d", i, got, r.book.view.chain.tip.sequence, want, s.last)
		}
		gotAt, _ := r.picture.Oldest()
		if wantAt, _ := truth.Oldest(); gotAt != wantAt {
			t.Fatalf("replica %d thinks the oldest row is at %d, want %d", i, gotAt, wantAt)
		}
	}
}

// settleAll lets everything on its way arrive, and no answer come back.
func settleAll(replicas []*replica) {
	for _, r := range replicas {
		for len(r.out) > 0 {
			r.deliver()
		}
	}
	for _, r := range replicas {
		for r.book.view.chain.newest() != nil {
			r.book.view.chain.giveUp(r.book.view.chain.newest())
		}
		for len(r.out) > 0 {
			r.deliver()
		}
	}
	for _, r := range replicas {
		r.followAll()
	}
}

// twoReplicas are two services over one stream of ten seats.
func twoReplicas(t *testing.T) (s *stream, a, b *replica) {
	t.Helper()
	return replicasOf(t, 0)
}

func replicasOf(t *testing.T, groupFrom int) (s *stream, a, b *replica) {
	t.Helper()
	s = &stream{}
	s.put("free", "", []byte("10"))
	a, b = newSeatingReplica(s, groupFrom), newSeatingReplica(s, groupFrom)
	for _, r := range []*replica{a, b} {
		r.redraw(0)
		r.followAll()
	}
	return s, a, b
}

// links are all links of a chain.
func (r *replica) links() (all []*link) {
	for _, p := range r.book.view.chain.sent {
		all = append(all, p.links...)
	}
	return append(all, r.book.view.chain.waiting...)
}

// TestRefusalBreaksTheRest: links behind a refused one are decided anew, those
// before it stand.
func TestRefusalBreaksTheRest(t *testing.T) {
	s, a, _ := twoReplicas(t)
	s.put("seating.b.1", "old", []byte(`{"saga_id":"b","step":1}`))
	a.followAll()
	for _, step := range []string{"a.1", "b.1", "c.1"} {
		a.take(step, 1)
	}
	links := a.links()
	for range links {
		a.deliver()
	}
	for len(a.acks) > 0 {
		a.acknowledge()
	}
	for i, want := range []error{nil, store.ErrConflict, errBroken} {
		if !errors.Is(links[i].err, want) || (want == nil) != (links[i].err == nil) {
			t.Errorf("link %d: got %v, want %v", i, links[i].err, want)
		}
	}
	if a.picture.left() != 9 || a.book.view.chain.tip.sequence != s.last {
		t.Errorf("%d seats left at %d, want 9 at %d", a.picture.left(), a.book.view.chain.tip.sequence, s.last)
	}
}

// TestWhatBelongsTogetherGoesTogether: a sale and the seats that are gone with it
// are one batch, which leaves when nothing else is on its way, and single values
// go on behind it.
func TestWhatBelongsTogetherGoesTogether(t *testing.T) {
	s, a, _ := twoReplicas(t)
	a.take("a.1", 3)
	a.deliver()
	a.acknowledge()
	a.read("a.1")
	a.take("b.1", 1)
	a.sell("a.1")
	a.take("c.1", 1)
	if len(a.out) != 1 {
		t.Fatalf("%d parcels left, want only the one before the batch", len(a.out))
	}
	a.deliver()
	a.acknowledge()
	a.take("d.1", 1)
	if len(a.out) != 2 {
		t.Fatalf("%d parcels left, want the batch and the value behind it", len(a.out))
	}
	for len(a.out) > 0 {
		a.deliver()
	}
	for len(a.acks) > 0 {
		a.acknowledge()
	}
	if got := s.truth(); got.free != 7 || got.left() != 4 || s.sold() != 3 || len(a.links()) != 0 {
		t.Errorf("%d free, %d left, %d sold, %d links", got.free, got.left(), s.sold(), len(a.links()))
	}
}

// TestBatchesGather: where batches pay, moves wait while one is on its way, and
// then go together; a row that several of them change is stored once.
func TestBatchesGather(t *testing.T) {
	s, a, _ := replicasOf(t, 2)
	for _, step := range []string{"a.1", "b.1"} {
		a.take(step, 2)
		a.deliver()
		a.acknowledge()
		a.read(step)
	}
	before := s.last
	a.take("c.1", 1)
	a.sell("a.1")
	a.sell("b.1")
	a.deliver()
	a.acknowledge()
	if len(a.out) != 1 {
		t.Fatalf("%d parcels left, want one", len(a.out))
	}
	a.deliver()
	a.acknowledge()
	if got := s.truth(); s.last != before+1+3 || got.free != 6 || s.sold() != 4 {
		t.Errorf("%d values stored, %d free, %d sold", s.last-before, got.free, s.sold())
	}
	if oldest, _ := a.picture.Oldest(); oldest != s.on("seating.c.1").sequence {
		t.Errorf("the oldest row is at %d", oldest)
	}
}

// TestRefusedBatchFindsTheCulprit: the server does not say which value of a batch
// it refuses, so the next ones go alone.
func TestRefusedBatchFindsTheCulprit(t *testing.T) {
	s, a, _ := replicasOf(t, 2)
	s.put("seating.b.1", "old", []byte(`{"saga_id":"b","step":1}`))
	a.followAll()
	a.take("first.1", 1)
	for range 2 {
		for _, step := range []string{"a.1", "b.1", "c.1"} {
			a.take(step, 1)
		}
		for len(a.out) > 0 {
			a.deliver()
			for len(a.acks) > 0 {
				a.acknowledge()
			}
		}
	}
	if s.on("seating.a.1").sequence == 0 || s.on("seating.b.1").id != "old" {
		t.Errorf("the culprit took the others with it: %+v", s.log)
	}
}

// TestABatchIsKnownByAnyPartOfIt: its follower may be faster than its
// acknowledgement.
func TestABatchIsKnownByAnyPartOfIt(t *testing.T) {
	s, a, _ := twoReplicas(t)
	a.take("a.1", 3)
	a.deliver()
	a.acknowledge()
	a.read("a.1")
	a.sell("a.1")
	l := a.links()[0]
	a.deliver()
	a.follow() // the value before
	a.follow() // the first of the batch
	select {
	case <-l.done:
	default:
		t.Fatal("a stored link is still on its way")
	}
	a.followAll()
	if l.err != nil || a.picture.free != 7 || a.book.view.chain.tip.sequence != s.last {
		t.Errorf("got %v, %d free at %d", l.err, a.picture.free, a.book.view.chain.tip.sequence)
	}
}
