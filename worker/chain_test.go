package worker

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"amends/store"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
	"pgregory.net/rapid"
)

// seats is the least business there is: a number of seats, some of them taken.
type seats struct {
	free  int // when nobody has any
	taken map[string]int
}

type seating struct{ Seats int }

func (s *seats) Clear() { s.free, s.taken = 0, make(map[string]int) }

func (s *seats) Effect(step string, e *seating) func() {
	before := s.taken[step]
	s.taken[step] = 0
	if e != nil {
		s.taken[step] = e.Seats
	}
	return func() { s.taken[step] = before }
}

func (s *seats) Row(_ string, value []byte) error {
	s.free = 0
	if value == nil {
		return nil
	}
	return json.Unmarshal(value, &s.free)
}

func (s *seats) left() int {
	left := s.free
	for _, n := range s.taken {
		left -= n
	}
	return left
}

// stored is a message in the stream of the simulated server.
type stored struct {
	key, id  string
	sequence uint64
	value    []byte
}

// stream keeps the last message of each key and checks the conditions of a write
// as JetStream does.
type stream struct {
	last   uint64
	lastID string
	log    []stored
}

func (s *stream) revision(key string) uint64 {
	for _, m := range s.log {
		if m.key == key {
			return m.sequence
		}
	}
	return 0
}

func (s *stream) take(m *nats.Msg) (uint64, error) {
	key := strings.TrimPrefix(m.Subject, "$KV.SEATS.")
	expected := func(header string) (uint64, bool) {
		n, err := strconv.ParseUint(m.Header.Get(header), 10, 64)
		return n, err == nil
	}
	if n, ok := expected(jetstream.ExpectedLastSeqHeader); ok && n != s.last {
		return 0, store.ErrConflict
	}
	if n, ok := expected(jetstream.ExpectedLastSubjSeqHeader); ok && n != s.revision(key) {
		return 0, store.ErrConflict
	}
	if id := m.Header.Get(jetstream.ExpectedLastMsgIDHeader); id != "" && id != s.lastID {
		return 0, fmt.Errorf("%w: wrong last msg ID: %s", store.ErrRefused, s.lastID)
	}
	s.put(key, m.Header.Get(jetstream.MsgIDHeader), m.Data)
	return s.last, nil
}

func (s *stream) put(key, id string, value []byte) {
	s.last++
	s.lastID = id
	s.log = slices.DeleteFunc(s.log, func(m stored) bool { return m.key == key })
	s.log = append(s.log, stored{key, id, s.last, value})
}

// truth is the picture that the stream gives to somebody who sees all of it.
func (s *stream) truth() *seats {
	r := newSeatingReplica(s)
	r.redraw()
	r.followAll()
	return r.picture
}

// replica is one service, with everything that is on its way to and from it.
type replica struct {
	stream  *stream
	picture *seats
	book    *Book[seating]
	ctx     context.Context
	cancel  context.CancelFunc
	target  uint64 // what the picture must reach to be complete
	pos     uint64 // what its follower has seen
	out     []func() func()
	acks    []func()
}

func newSeatingReplica(s *stream) *replica {
	r := &replica{stream: s, picture: &seats{}}
	r.book = NewGuardedBook("SEATS", "seating.", r.picture)
	r.book.log = zerolog.Nop()
	r.book.publish = func(m *nats.Msg, done func(jetstream.PubAck, error)) {
		r.out = append(r.out, func() func() {
			sequence, err := s.take(m)
			return func() { done(jetstream.PubAck{Sequence: sequence}, err) }
		})
	}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	return r
}

// redraw begins the picture anew. What is on its way stays on its way.
func (r *replica) redraw() {
	r.cancel()
	r.ctx, r.cancel = context.WithCancel(context.Background())
	r.book.view.clear()
	r.pos, r.target = 0, r.stream.last
	r.followed()
}

// follow delivers the next change to the follower.
func (r *replica) follow() bool {
	for _, m := range r.stream.log {
		if m.sequence > r.pos {
			r.pos = m.sequence
			r.book.see(r.ctx, store.Followed{Entry: store.Entry{
				Key: m.key, Value: m.value, Revision: m.sequence, Header: nats.Header{jetstream.MsgIDHeader: {m.id}},
			}})
			r.followed()
			return true
		}
	}
	return false
}

func (r *replica) followed() {
	if !r.book.view.complete && r.pos >= r.target {
		r.book.view.finish(r.ctx, r.target)
	}
}

func (r *replica) followAll() {
	for r.follow() {
	}
}

// deliver lets the next write reach the server, acknowledge lets the next answer
// come back.
func (r *replica) deliver() {
	if len(r.out) > 0 {
		r.acks = append(r.acks, r.out[0]())
		r.out = r.out[1:]
	}
}

func (r *replica) acknowledge() {
	if len(r.acks) > 0 {
		r.acks[0]()
		r.acks = r.acks[1:]
	}
}

// command decides what n seats for a step are answered with, or frees them if n
// is 0. The caller may know the revision of the record, or wrongly believe that
// there is none.
func (r *replica) command(step string, n int, revision uint64) {
	r.book.view.lookNow(func() {
		if r.book.view.inFlight(step) != nil {
			return
		}
		m := Memory[seating]{SagaID: step, Step: 1}
		if n == 0 || n <= r.picture.left() {
			m.Effect = &seating{Seats: n}
		}
		if _, err := r.book.send(step, m, revision); err != nil {
			panic(err)
		}
	})
}

// TestChainNeverOversells drives replicas of a guarded book over a simulated
// stream, with every message late, lost or overtaken, and connections that break.
func TestChainNeverOversells(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &stream{}
		s.put("free", "", []byte("10"))
		replicas := []*replica{newSeatingReplica(s), newSeatingReplica(s)}
		pick := func(t *rapid.T) *replica { return rapid.SampledFrom(replicas).Draw(t, "replica") }
		for _, r := range replicas {
			r.redraw()
		}
		t.Repeat(map[string]func(*rapid.T){
			"command": func(t *rapid.T) {
				r, step := pick(t), rapid.SampledFrom([]string{"a.1", "b.1", "c.1", "d.1"}).Draw(t, "step")
				revision := s.revision("seating." + step)
				if rapid.Bool().Draw(t, "believed new") {
					revision = 0
				}
				r.command(step, rapid.IntRange(0, 6).Draw(t, "seats"), revision)
			},
			"deliver":     func(t *rapid.T) { pick(t).deliver() },
			"acknowledge": func(t *rapid.T) { pick(t).acknowledge() },
			"lose an acknowledgement": func(t *rapid.T) {
				if r := pick(t); len(r.acks) > 0 {
					r.acks = r.acks[1:]
				}
			},
			"lose a write": func(t *rapid.T) {
				if r := pick(t); len(r.out) > 0 {
					r.out = r.out[1:]
				}
			},
			"give up": func(t *rapid.T) {
				if r := pick(t); len(r.book.view.chain) > 0 {
					r.book.view.settle(rapid.SampledFrom(r.book.view.chain).Draw(t, "link"), 0, store.ErrUnknown)
				}
			},
			"follow": func(t *rapid.T) { pick(t).follow() },
			"redraw": func(t *rapid.T) { pick(t).redraw() },
			"reconnect": func(t *rapid.T) {
				r := pick(t)
				r.out, r.acks = nil, nil
				r.redraw()
			},
			"": func(t *rapid.T) {
				if left := s.truth().left(); left < 0 {
					t.Fatalf("oversold by %d", -left)
				}
			},
		})
		for _, r := range replicas {
			for len(r.out) > 0 {
				r.deliver()
			}
		}
		for i, r := range replicas {
			for len(r.book.view.chain) > 0 {
				r.book.view.settle(r.book.view.chain[0], 0, store.ErrUnknown)
			}
			r.followAll()
			if got, want := r.picture.left(), s.truth().left(); got != want || r.book.view.seen != s.last {
				t.Fatalf("replica %d sees %d seats left at %d, want %d at %d", i, got, r.book.view.seen, want, s.last)
			}
		}
	})
}
