package worker

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"amends/protocol"
	"amends/store"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
)

// seats is the least business there is: a number of seats, some of them taken,
// and those that were sold are gone.
type seats struct {
	free  int // when nobody has any
	taken map[string]int
	at    map[string]uint64 // where what is taken is stored
}

type seating struct {
	Seats int
	Sold  bool
}

func (s *seats) Clear() {
	s.free, s.taken, s.at = 0, make(map[string]int), make(map[string]uint64)
}

func (s *seats) Effect(step string, e *seating) {
	delete(s.taken, step)
	delete(s.at, step)
	if e != nil && !e.Sold && e.Seats > 0 {
		s.taken[step] = e.Seats
	}
}

// Digest is the number of seats that are taken; sold ones are none.
func (s *seats) Digest(e *seating) string {
	if e == nil || e.Sold {
		return "0"
	}
	return strconv.Itoa(e.Seats)
}

func (s *seats) Digested(step, digest string) error {
	n, err := strconv.Atoi(digest)
	if err == nil {
		s.Effect(step, &seating{Seats: n})
	}
	return err
}

func (s *seats) Row(key string, value []byte) error {
	if key != "free" {
		return nil
	}
	s.free = 0
	if value == nil {
		return nil
	}
	return json.Unmarshal(value, &s.free)
}

func (s *seats) Rows() []string { return []string{"free"} }

// Decide takes seats that are sold out of those that there are.
func (s *seats) Decide(step string, before, after *seating) (others []Row, undo func()) {
	free, taken, at := s.free, s.taken[step], s.at[step]
	s.Effect(step, after)
	if after != nil && after.Sold && (before == nil || !before.Sold) {
		s.free -= after.Seats
		others = []Row{{Key: "free", Value: s.free}}
	}
	return others, func() {
		s.free = free
		s.Effect(step, &seating{Seats: taken})
		s.Stored(step, at)
	}
}

func (s *seats) Stored(step string, sequence uint64) {
	if _, ok := s.taken[step]; ok {
		s.at[step] = sequence
	}
}

func (s *seats) Oldest() (oldest uint64, ok bool) {
	for _, at := range s.at {
		if at > 0 && (!ok || at < oldest) {
			oldest, ok = at, true
		}
	}
	return oldest, ok
}

func (s *seats) Keep(*seating) time.Duration { return 0 }

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
	digest   string
}

// stream keeps the last message of each key and checks the conditions of writes
// as JetStream does.
type stream struct {
	last   uint64
	lastID string
	log    []stored
	before *stream // as it was before the last write
}

// keep remembers how the stream is now.
func (s *stream) keep() {
	before := *s
	before.log = slices.Clone(s.log)
	s.before = &before
}

// forget loses the last n writes, as a power cut does when nothing was synced.
func (s *stream) forget(n int) {
	for ; n > 0 && s.before != nil; n-- {
		*s = *s.before
	}
}

func (s *stream) on(key string) stored {
	for _, m := range s.log {
		if m.key == key {
			return m
		}
	}
	return stored{}
}

// behind is how many messages there are behind one.
func (s *stream) behind(m stored) (n uint64) {
	for _, other := range s.log {
		if other.sequence > m.sequence {
			n++
		}
	}
	return n
}

// take stores one message, or several as an atomic batch: all of them or none.
func (s *stream) take(messages []*nats.Msg) (uint64, error) {
	for i, m := range messages {
		if err := s.check(m, i, len(messages)); err != nil {
			return 0, err
		}
	}
	s.keep()
	for _, m := range messages {
		s.put(seatKey(m), m.Header.Get(jetstream.MsgIDHeader), m.Data)
		s.log[len(s.log)-1].digest = m.Header.Get(protocol.HeaderDigest)
	}
	return s.last, nil
}

func seatKey(m *nats.Msg) string { return strings.TrimPrefix(m.Subject, "$KV.SEATS.") }

func (s *stream) check(m *nats.Msg, i, n int) error {
	expected := func(header string) (uint64, bool) {
		n, err := strconv.ParseUint(m.Header.Get(header), 10, 64)
		return n, err == nil
	}
	last, hasLast := expected(jetstream.ExpectedLastSeqHeader)
	id := m.Header.Get(jetstream.ExpectedLastMsgIDHeader)
	switch {
	case n > 1 && (i > 0 && hasLast || id != ""):
		return fmt.Errorf("%w: not in a batch", store.ErrRefused)
	case hasLast && last != s.last, id != "" && id != s.lastID:
		return store.ErrConflict
	}
	if n, ok := expected(jetstream.ExpectedLastSubjSeqHeader); ok && n != s.on(seatKey(m)).sequence {
		return store.ErrConflict
	}
	return nil
}

func (s *stream) put(key, id string, value []byte) {
	s.last++
	s.lastID = id
	s.log = slices.DeleteFunc(s.log, func(m stored) bool { return m.key == key })
	s.log = append(s.log, stored{key: key, id: id, sequence: s.last, value: value})
}

// sold counts the seats that were sold.
func (s *stream) sold() (n int) {
	for _, m := range s.log {
		var record Memory[seating]
		if strings.HasPrefix(m.key, "seating.") && json.Unmarshal(m.value, &record) == nil &&
			record.Effect != nil && record.Effect.Sold {
			n += record.Effect.Seats
		}
	}
	return n
}

// truth is the picture that the stream gives to somebody who sees all of it.
func (s *stream) truth() *seats {
	r := newSeatingReplica(s, 0)
	r.redraw(0)
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
	known   map[string]recalled[seating] // what it has read of a step, which may be old
}

func newSeatingReplica(s *stream, groupFrom int) *replica {
	r := &replica{stream: s, picture: &seats{}, known: make(map[string]recalled[seating])}
	r.book = NewGuardedBook("SEATS", "seating.", r.picture)
	r.book.log = zerolog.Nop()
	publish := func(messages []*nats.Msg, done func(jetstream.PubAck, error)) {
		r.out = append(r.out, func() func() {
			sequence, err := s.take(messages)
			return func() { done(jetstream.PubAck{Sequence: sequence}, err) }
		})
	}
	r.book.view.prepare(outlet{
		publish: publish, subject: func(key string) string { return "$KV.SEATS." + key }, groupFrom: groupFrom,
	}, "seating.")
	r.ctx, r.cancel = context.WithCancel(context.Background())
	return r
}

// redraw begins the picture anew, from beyond a horizon. What is on its way stays
// on its way.
func (r *replica) redraw(horizon uint64) {
	r.pause()
	r.book.view.clear()
	r.pos = horizon
	if m := r.stream.on("free"); horizon > 0 && m.sequence > 0 {
		r.book.seeRow(r.ctx, followedOf(m))
	}
	r.followed()
}

// resume goes on where the picture was left, if that is still there.
func (r *replica) resume() {
	left := r.pause()
	for _, m := range r.stream.log {
		if m.sequence == left.sequence && m.id == left.id && left.id != "" {
			r.pos = left.sequence
			r.book.view.resume()
			r.followed()
			return
		}
	}
	r.redraw(0)
}

func (r *replica) pause() tip {
	r.cancel()
	r.ctx, r.cancel = context.WithCancel(context.Background())
	r.target = r.stream.last
	return r.book.view.pause()
}

func followedOf(m stored) store.Followed {
	header := nats.Header{jetstream.MsgIDHeader: {m.id}, protocol.HeaderDigest: {m.digest}}
	if _, left := splitID(m.id); left > 0 {
		header["Nats-Batch-Id"] = []string{"b"}
	}
	return store.Followed{Entry: store.Entry{Key: m.key, Value: m.value, Revision: m.sequence, Header: header}}
}

// follow delivers the next change to the follower.
func (r *replica) follow() bool {
	for _, m := range r.stream.log {
		if m.sequence > r.pos {
			r.pos = m.sequence
			f := followedOf(m)
			f.Pending = r.stream.behind(m)
			r.book.see(r.ctx, f)
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
	if !r.book.view.complete {
		r.book.view.finish(r.ctx, r.target)
	}
}

// deliver lets the next parcel reach the server, acknowledge lets the next answer
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

// read asks the stream for what is remembered of a step.
func (r *replica) read(step string) {
	m := r.stream.on("seating." + step)
	known := recalled[seating]{revision: m.sequence}
	if m.value != nil {
		if err := json.Unmarshal(m.value, &known.memory); err != nil {
			panic(err)
		}
	}
	r.known[step] = known
}

// decide makes one move about a step, if the picture is complete and no other is
// on its way.
func (r *replica) decide(step string, decide func(before *seating) *seating) {
	r.book.view.lookNow(0, func() {
		if r.book.view.chain.on("seating."+step) != nil {
			return
		}
		known := r.known[step]
		m := Memory[seating]{SagaID: step, Step: 1, Effect: decide(known.memory.Effect)}
		next, err := r.book.moveTo(step, known, m)
		if err != nil {
			panic(err)
		}
		r.book.view.chain.add(next)
	})
}

// take asks for n seats.
func (r *replica) take(step string, n int) {
	r.decide(step, func(before *seating) *seating {
		if before != nil || n > r.picture.left() {
			return before
		}
		return &seating{Seats: n}
	})
}

// sell makes seats that are taken sold ones, and free gives them back.
func (r *replica) sell(step string) {
	r.decide(step, func(before *seating) *seating {
		if before == nil || before.Sold || before.Seats > r.picture.free {
			return before
		}
		return &seating{Seats: before.Seats, Sold: true}
	})
}

func (r *replica) free(step string) {
	r.decide(step, func(before *seating) *seating {
		if before != nil && before.Sold {
			return before
		}
		return nil
	})
}
