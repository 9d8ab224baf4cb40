package worker

import (
	"errors"
	"slices"
	"time"

	"amends/store"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// errBroken says that a move was not stored because one before it was not.
var errBroken = errors.New("an earlier move of the chain was not stored")

// move is one decision: the values that it stores, all or none, and how to take
// it out of the picture again.
type move struct {
	puts []put
	undo func()
}

// put is one value of a move.
type put struct {
	key      string
	value    []byte
	guarded  bool          // refused unless revision is what it replaces; else the chain is guard enough
	revision uint64        // 0 if the key must not exist
	keep     time.Duration // after which the value vanishes; 0 is never
	digest   string        // of the value; may be empty
}

// link is one move on its way. It was decided on top of those before it, so it
// may only be stored behind them, with nothing in between.
type link struct {
	move
	parcel *parcel       // nil while it waits to be sent
	done   chan struct{} // closed when err is known
	err    error
}

func (l *link) finish(err error) {
	l.err = err
	close(l.done)
}

// touches tells whether a link stores a value under a guarded key.
func (l *link) touches(key string) bool {
	return slices.ContainsFunc(l.puts, func(p put) bool { return p.guarded && p.key == key })
}

// publisher sends the messages of a parcel, and tells the acknowledgement of the
// last.
type publisher func(messages []*nats.Msg, done func(jetstream.PubAck, error))

// outlet is where to and how a chain sends.
type outlet struct {
	publish   publisher
	subject   func(key string) string
	groupFrom int  // from so many values on a batch is cheaper; 0 is never
	expires   bool // the bucket takes values that vanish by themselves
}

// tip is the last message of a bucket, as far as is known. The id may not be; and
// when it is known, a new leader may still not know it.
type tip struct {
	sequence uint64
	id       string
	doubtful bool // the id is no condition for a write
}

// chain is the links that are in the picture and not known to be stored, oldest
// first. Single values go one behind the other without waiting; what must be
// stored together, and what is cheaper together, goes as an atomic batch (see
// parcel). Its methods are called with the lock of the view held.
type chain struct {
	outlet
	writer string                                      // names this replica in the ids of messages
	acked  func(p *parcel, sequence uint64, err error) // takes the lock and calls settle
	stored func(key string, sequence uint64)

	tip     tip
	sent    []*parcel
	waiting []*link
	alone   int    // so many links go in parcels of their own: a batch was refused
	parcels uint64 // sent so far
}

// add takes one more link in, and sends it when its turn comes.
func (c *chain) add(m move) *link {
	l := &link{move: m, done: make(chan struct{})}
	c.waiting = append(c.waiting, l)
	c.push()
	return l
}

// on finds the link that stores a value under a guarded key; nil if there is none.
func (c *chain) on(key string) *link {
	for _, p := range c.sent {
		for _, l := range p.links {
			if l.touches(key) {
				return l
			}
		}
	}
	for _, l := range c.waiting {
		if l.touches(key) {
			return l
		}
	}
	return nil
}

// newest is the last link; nil if there is none.
func (c *chain) newest() *link {
	if n := len(c.waiting); n > 0 {
		return c.waiting[n-1]
	}
	if n := len(c.sent); n > 0 {
		links := c.sent[n-1].links
		return links[len(links)-1]
	}
	return nil
}

// push sends what may be sent. Where batches pay, the next ones gather while one
// is on its way.
func (c *chain) push() {
	if c.groupFrom > 0 && len(c.sent) > 0 {
		return
	}
	for len(c.waiting) > 0 {
		n := c.next()
		if n == 0 {
			return
		}
		c.ship(n)
	}
}

// next says how many of the waiting links make the next parcel; 0 if they have to
// wait: a batch is guarded by a sequence number, so that nothing may be on its way
// before it.
func (c *chain) next() int {
	n, values := 0, 0
	for n < len(c.waiting) && (n == 0 || values+len(c.waiting[n].puts) <= maxBatch) {
		values += len(c.waiting[n].puts)
		n++
	}
	single := len(c.waiting[0].puts) == 1
	pays := c.groupFrom > 0 && values >= c.groupFrom && c.alone == 0
	switch {
	case single && !pays:
		return 1
	case len(c.sent) > 0:
		return 0
	case c.alone > 0:
		return 1
	}
	return n
}

// ship sends the first n waiting links as one parcel.
func (c *chain) ship(n int) {
	p := c.pack(c.waiting[:n])
	c.waiting = slices.Delete(c.waiting, 0, n)
	c.alone = max(c.alone-n, 0)
	messages := c.messages(p)
	c.sent = append(c.sent, p)
	c.publish(messages, func(ack jetstream.PubAck, err error) { c.acked(p, ack.Sequence, err) })
}

// settle takes in the outcome of a parcel, unless it is known already.
func (c *chain) settle(p *parcel, sequence uint64, err error) {
	i := slices.Index(c.sent, p)
	switch {
	case i < 0:
		return
	case err == nil:
		c.confirm(i, sequence)
	case errors.Is(err, store.ErrUnknown):
		c.breakFrom(i, err)
	case errors.Is(err, store.ErrConflict) && len(p.links) > 1:
		// The server does not say whose fault it was: each has to find out alone.
		alone := len(p.links)
		c.breakFrom(i, errBroken)
		c.alone = alone
	default:
		c.breakFrom(i+1, errBroken)
		c.breakFrom(i, err)
	}
	c.push()
}

// giveUp ends the wait for a link: if it was sent, nobody knows whether it is
// stored.
func (c *chain) giveUp(l *link) {
	if l.parcel != nil {
		c.settle(l.parcel, 0, store.ErrUnknown)
		return
	}
	if i := slices.Index(c.waiting, l); i >= 0 {
		c.dropWaiting(i)
	}
}

// confirm makes the links up to those of the i-th parcel part of the picture for
// good: its last value is stored at the given sequence number, so all before it
// are.
func (c *chain) confirm(i int, sequence uint64) {
	first := sequence + 1
	for _, p := range c.sent[:i+1] {
		first -= uint64(len(p.keys))
	}
	for _, p := range c.sent[:i+1] {
		for n, key := range p.keys {
			c.stored(key, first+uint64(n))
		}
		first += uint64(len(p.keys))
		for _, l := range p.links {
			l.finish(nil)
		}
	}
	if sequence > c.tip.sequence {
		c.tip = tip{sequence: sequence, id: c.sent[i].id}
	}
	c.sent = slices.Delete(c.sent, 0, i+1)
	if len(c.sent) > 0 {
		c.sent[0].after = sequence
	}
}

// breakFrom takes everything from the i-th parcel on out of the picture, last
// first, and tells those who wait for it why. What was not sent is broken.
func (c *chain) breakFrom(i int, why error) {
	c.dropWaiting(0)
	for n := len(c.sent) - 1; n >= i; n-- {
		links := c.sent[n].links
		for m := len(links) - 1; m >= 0; m-- {
			links[m].undo()
			links[m].finish(why)
		}
	}
	c.sent = slices.Delete(c.sent, min(i, len(c.sent)), len(c.sent))
}

// dropWaiting takes the links from the i-th waiting one on out of the picture,
// last first.
func (c *chain) dropWaiting(i int) {
	for n := len(c.waiting) - 1; n >= i; n-- {
		c.waiting[n].undo()
		c.waiting[n].finish(errBroken)
	}
	c.waiting = slices.Delete(c.waiting, i, len(c.waiting))
}

// recognise tells whether a change of the bucket is a value of a parcel on its
// way, and confirms it: a parcel is stored as a whole. Any other change means that
// nothing on its way can be stored any more.
func (c *chain) recognise(id string, sequence uint64) bool {
	name, left := splitID(id)
	i := slices.IndexFunc(c.sent, func(p *parcel) bool { return p.id == name })
	if i < 0 {
		c.breakFrom(0, errBroken)
		return false
	}
	c.confirm(i, sequence+left)
	c.push()
	return true
}
