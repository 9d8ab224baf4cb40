package audit

import (
	"iter"
	"sync"
	"time"
)

// balance holds what the stores have against what the journals say, for any
// number of sagas in bounded memory: an entry has 32 bytes, and does not grow
// with the saga. What a store has is added to the sum of its saga, what the
// journal asked for is taken away. A sum that is not 0 in the end is a
// disagreement, and the saga is looked at again. Two that disagree have the same
// sum once in 2^32.
//
// Sagas are known by the fingerprint of their id. Two of one fingerprint would
// both be looked at again.
type balance struct{ shards [shards]shard }

const shards = 64

type shard struct {
	mu      sync.Mutex
	entries []entry
	used    int
}

// entry is one saga.
type entry struct {
	id     Print  // of the saga; 0 is a free place
	sum    uint32 // of effects
	extra  uint32 // of what a journal need not know of them
	told   uint32 // of domain events
	newest uint32 // when the latest of them was stored, in seconds since 1970 UTC
	// where is a message of the saga, by which its id is found again, and marks.
	where uint64
}

// The bits of where: 48 of a sequence number, 3 of its stream, marks, and 9 of the
// event of the journal from which the latest domain event follows.
const (
	sequenceBits = 48
	streamBits   = 3
	latestShift  = sequenceBits + streamBits + 4 // behind the marks
	latestMost   = 1<<(64-latestShift) - 1
)

const (
	recorded mark = 1 << (sequenceBits + streamBits + iota) // there is a record
	doubtful                                                // to be looked at again in any case
	counted                                                 // among the outcomes
	loose                                                   // extra does not count
)

type mark uint64

// change lets something be done to the entry of a saga, by one at a time.
func (b *balance) change(id Print, do func(*entry)) {
	s := &b.shards[id>>58]
	s.mu.Lock()
	defer s.mu.Unlock()
	do(s.find(id))
}

// of returns the entry of a saga; nil if there is none. Nobody may change entries
// any more.
func (b *balance) of(id Print) *entry {
	s := &b.shards[id>>58]
	if len(s.entries) == 0 {
		return nil
	}
	if e := s.place(id); e.id != 0 {
		return e
	}
	return nil
}

// find returns the entry of a saga, which is a new one if there was none.
func (s *shard) find(id Print) *entry {
	if (s.used+1)*5 > len(s.entries)*4 {
		s.grow()
	}
	e := s.place(id)
	if e.id == 0 {
		e.id = id
		s.used++
	}
	return e
}

// place is where the entry of a saga is, or would be.
func (s *shard) place(id Print) *entry {
	n := uint64(len(s.entries))
	at := uint64(id) % n
	for s.entries[at].id != 0 && s.entries[at].id != id {
		at = (at + 1) % n
	}
	return &s.entries[at]
}

// grow makes room by a quarter: a table is four fifths full then, and never holds
// much more than it needs.
func (s *shard) grow() {
	before := s.entries
	s.entries = make([]entry, len(before)*5/4+16)
	for i := range before {
		if before[i].id != 0 {
			*s.place(before[i].id) = before[i]
		}
	}
}

// all yields every entry, when nobody changes them any more.
func (b *balance) all() iter.Seq[*entry] {
	return func(yield func(*entry) bool) {
		for i := range b.shards {
			entries := b.shards[i].entries
			for n := range entries {
				if entries[n].id != 0 && !yield(&entries[n]) {
					return
				}
			}
		}
	}
}

// see notes a message of the saga.
func (e *entry) see(stream int, sequence uint64, stored time.Time) {
	// A record says best which saga it is, and then a domain event, which names the
	// order as well.
	better := stream == sagasStream || stream == ordersStream && (e.stream() != sagasStream || !e.is(recorded))
	if e.where&(1<<sequenceBits-1) == 0 || better {
		const address = 1<<(sequenceBits+streamBits) - 1
		e.where = e.where&^address | uint64(stream)<<sequenceBits | sequence&(1<<sequenceBits-1)
	}
	e.newest = max(e.newest, uint32(stored.Unix()))
}

func (e *entry) mark(m mark)     { e.where |= uint64(m) }
func (e *entry) is(m mark) bool  { return e.where&uint64(m) != 0 }
func (e *entry) stream() int     { return int(e.where >> sequenceBits & (1<<streamBits - 1)) }
func (e *entry) message() uint64 { return e.where & (1<<sequenceBits - 1) }

// disagrees tells whether the saga has to be looked at again.
func (e *entry) disagrees() bool {
	return e.is(doubtful) || !e.is(recorded) || e.sum != 0 || e.told != 0 || e.extra != 0 && !e.is(loose)
}

// add adds an effect that is stored.
func (e *entry) add(effect Effect) {
	sum, _ := effect.print()
	e.sum += uint32(sum >> 32)
	e.extra += extra(effect)
	if len(effect.flaws()) > 0 || effect.revived() {
		e.mark(doubtful)
	}
}

// hear adds a domain event on the subject of an order. They are heard as they
// stand in the stream: one that follows from an earlier event of the journal than
// the one before it is out of order, and no sum shows that.
func (e *entry) hear(orderID string, event told) {
	e.told += printOfOrder(orderID) + printOfEvent(event)
	latest := e.where >> latestShift
	if event.seq >= latestMost || uint64(event.seq) < latest {
		e.mark(doubtful)
	}
	latest = max(latest, uint64(min(event.seq, latestMost)))
	e.where = e.where&(1<<latestShift-1) | latest<<latestShift
}

// take takes an effect away that the journal asked for and knows.
func (e *entry) take(effect Effect) {
	sum, known := effect.print()
	e.sum -= uint32(sum >> 32)
	e.extra -= extra(effect)
	if !known {
		e.mark(doubtful)
	}
}

// extra is what a journal need not know of an effect.
func extra(effect Effect) uint32 {
	c, ok := effect.(*Charge)
	if !ok || c.Transaction == 0 {
		return 0
	}
	return uint32(mix(c.Transaction+Print(c.Step)) >> 32)
}

// printOfEvent is the print of a domain event.
func printOfEvent(e told) uint32 { return uint32(mix(PrintOf(e.name)+Print(e.seq)) >> 32) }

// printOfOrder is what each domain event adds for the order under which it stands.
func printOfOrder(orderID string) uint32 { return uint32(mix(PrintOf(orderID)) >> 32) }
