package worker

import (
	"errors"
	"slices"
	"time"

	"amends/store"

	"github.com/nats-io/nats.go/jetstream"
)

// errBroken says that a write was not stored because one before it was not.
var errBroken = errors.New("an earlier write of the chain was not stored")

// link is one write in flight. It was decided on top of those before it, so it
// may only be stored right behind them: it names, as a condition, the message
// that must be the last of the bucket. Sequence numbers could not say that: when
// a write is refused because another replica took its number, the next number is
// free, and a write decided without knowing of the other would take it.
type link struct {
	id    string // of its message
	step  string
	after uint64        // the sequence number right before it, once known
	undo  func()        // takes the decision out of the picture
	done  chan struct{} // closed when err is known
	err   error
}

func (l *link) finish(err error) {
	l.err = err
	close(l.done)
}

// inFlight finds the link of a step; nil if there is none. It is called with the
// lock held.
func (v *view[E]) inFlight(step string) *link {
	for _, l := range v.chain {
		if l.step == step {
			return l
		}
	}
	return nil
}

// await waits for the outcome of a link.
func (v *view[E]) await(l *link) error {
	late := time.NewTimer(writeTimeout)
	defer late.Stop()
	select {
	case <-l.done:
	case <-late.C:
		v.settle(l, 0, store.ErrUnknown)
	}
	return l.err
}

// settle takes in the outcome of a link, unless it is known already.
func (v *view[E]) settle(l *link, sequence uint64, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	i := slices.Index(v.chain, l)
	switch {
	case i < 0:
		return
	case err == nil:
		v.confirm(i, sequence)
	case errors.Is(err, store.ErrUnknown):
		v.breakChain(i, err)
	default:
		v.breakChain(i+1, errBroken)
		v.breakChain(i, err)
	}
}

// confirm makes the links up to the i-th part of the picture for good: that one
// is stored at the given sequence number, so all before it are. It is called with
// the lock held.
func (v *view[E]) confirm(i int, sequence uint64) {
	for _, l := range v.chain[:i+1] {
		l.finish(nil)
	}
	v.grow(sequence, v.chain[i].id)
	v.chain = slices.Delete(v.chain, 0, i+1)
	if len(v.chain) > 0 {
		v.chain[0].after = sequence
	}
}

// breakChain takes the links from the i-th on out of the picture, last first,
// and tells those who wait for them why. It is called with the lock held.
func (v *view[E]) breakChain(i int, why error) {
	for n := len(v.chain) - 1; n >= i; n-- {
		v.chain[n].undo()
		v.chain[n].finish(why)
	}
	v.chain = slices.Delete(v.chain, min(i, len(v.chain)), len(v.chain))
}

// recognise tells whether a change of the bucket is a link of the chain, and
// confirms it. Any other change means that nothing in flight can be stored any
// more. It is called with the lock held.
func (v *view[E]) recognise(f store.Followed) bool {
	id := f.Header.Get(jetstream.MsgIDHeader)
	i := slices.IndexFunc(v.chain, func(l *link) bool { return l.id == id })
	if i < 0 {
		v.breakChain(0, errBroken)
		return false
	}
	v.confirm(i, f.Revision)
	return true
}
