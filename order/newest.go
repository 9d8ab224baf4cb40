package order

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"amends/saga"
	"amends/store"
)

// dated is something of which the newest are wanted. Of two with one key the later
// version counts.
type dated interface {
	since() saga.Instant
	key() string
	version() uint64
}

// newest keeps the newest of any number of things.
type newest[T dated] struct {
	limit int
	kept  []T
}

func (n *newest[T]) add(one T) {
	if n.kept = append(n.kept, one); len(n.kept) >= 4*n.limit {
		n.cut()
	}
}

// cut lets go of what is not among the newest.
func (n *newest[T]) cut() {
	slices.SortFunc(n.kept, func(a, b T) int {
		return cmp.Or(cmp.Compare(b.since(), a.since()), strings.Compare(a.key(), b.key()), cmp.Compare(b.version(), a.version()))
	})
	n.kept = slices.CompactFunc(n.kept, func(a, b T) bool { return a.key() == b.key() })
	n.kept = n.kept[:min(len(n.kept), n.limit)]
}

// all returns them, newest first.
func (n *newest[T]) all() []T {
	n.cut()
	return n.kept
}

// isFull reports whether there are as many as are wanted.
func (n *newest[T]) isFull() bool { return len(n.all()) == n.limit }

// isFullSince reports whether there are as many as are wanted, none of them older
// than an instant.
func (n *newest[T]) isFullSince(at saga.Instant) bool {
	return n.isFull() && n.kept[n.limit-1].since() >= at
}

// placement is an order of a customer.
type placement struct {
	sagaID   string
	at       saga.Instant
	revision uint64
}

func (p placement) since() saga.Instant { return p.at }
func (p placement) key() string         { return p.sagaID }
func (p placement) version() uint64     { return p.revision }

// ignoreMissing leaves out that there is no record.
func ignoreMissing(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}
