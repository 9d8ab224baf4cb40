package worker

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"amends/protocol"
)

// Finder finds steps by something that their business rows hold, such as a
// tracking number. It is a store of its own, to be opened Together with its book
// and after it.
//
// It costs nothing until somebody asks. Then it reads the whole bucket, which
// takes some 17 s per million rows, and keeps up with it in memory, some 150 bytes
// per row, until the service stops. Those who ask too early are to ask again.
type Finder[E any] struct {
	book  *Book[E]
	named named[E]
	once  sync.Once
	asked chan struct{} // closed when somebody has asked
	drawn *Book[E]      // the book with a picture of names
}

// NewFinder describes a finder over a plain book. name is what rows are found by:
// of two with the same name the older one is found, and one without a name ("")
// never.
func NewFinder[E any](book *Book[E], name func(row E) string) *Finder[E] {
	return &Finder[E]{book: book, named: named[E]{name: name}, asked: make(chan struct{})}
}

func (f *Finder[E]) check() error { return nil }

func (f *Finder[E]) open(context.Context, Config) error {
	b := f.book
	f.drawn = &Book[E]{
		name: b.name, prefix: b.prefix, view: newView[E](&f.named),
		conn: b.conn, js: b.js, bucket: b.bucket, writer: b.writer, now: b.now, log: b.log, complaint: b.complaint,
	}
	return nil
}

func (f *Finder[E]) follow(ctx context.Context) {
	select {
	case <-f.asked:
		f.drawn.draw(ctx)
	case <-ctx.Done():
	}
}

func (f *Finder[E]) look(_ context.Context, do func()) error {
	do()
	return nil
}

// Find returns the step whose row has the name. A row that was stored before Find
// was called is found, whichever replica stored it.
func (f *Finder[E]) Find(ctx context.Context, name string) (id protocol.SagaID, step int, found bool, err error) {
	f.once.Do(func() { close(f.asked) })
	last, err := f.drawn.lastSequence(ctx)
	if err != nil {
		return id, 0, false, err
	}
	key := ""
	if err := f.drawn.view.look(ctx, last, func() { key, found = f.named.steps[name] }); err != nil || !found {
		return id, 0, false, err
	}
	sagaID, number, _ := strings.Cut(key, ".")
	step, err = strconv.Atoi(number)
	if err == nil {
		id, err = protocol.ParseSagaID(sagaID)
	}
	if err != nil {
		return id, 0, false, fmt.Errorf("finding a step by name: the key %q of %s is not one of a step: %w", key, f.drawn.name, err)
	}
	return id, step, true, nil
}

// named is the picture of a finder: the steps by the names of their rows.
type named[E any] struct {
	name  func(row E) string
	steps map[string]string
}

// Clear forgets all names.
func (n *named[E]) Clear() { n.steps = make(map[string]string) }

// Effect enters the name of a row. A name stays entered: that its row is still
// there is for whoever reads it.
func (n *named[E]) Effect(step string, row *E) {
	if row != nil {
		n.enter(step, n.name(*row))
	}
}

// Digest is the name of a row.
func (n *named[E]) Digest(row *E) string { return n.name(*row) }

// Digested enters a name.
func (n *named[E]) Digested(step, name string) error {
	n.enter(step, name)
	return nil
}

func (n *named[E]) enter(step, name string) {
	if _, taken := n.steps[name]; !taken && name != "" {
		n.steps[name] = step
	}
}

// Row is nothing to a finder: only steps have names.
func (n *named[E]) Row(string, []byte) error { return nil }

// Rows are none.
func (n *named[E]) Rows() []string { return nil }

// Decide changes nothing: a finder takes part in no decision.
func (n *named[E]) Decide(string, *E, *E) (others []Row, undo func()) { return nil, func() {} }

// Stored is nothing to a finder.
func (n *named[E]) Stored(string, uint64) {}

// Oldest is the beginning: every row may have a name.
func (n *named[E]) Oldest() (sequence uint64, ok bool) { return 0, true }

// Keep is for ever: a finder keeps no rows.
func (n *named[E]) Keep(*E) time.Duration { return 0 }
