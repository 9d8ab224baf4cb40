package inventory

import (
	"cmp"
	"maps"
	"slices"
)

// fillSize bounds how many reservations are served in one look.
const fillSize = 1000

// waiting is the active reservations that want more pieces, by SKU.
type waiting map[string]map[*held]bool

func (w waiting) add(h *held) {
	for _, line := range h.lines {
		if line.wanted == 0 {
			continue
		}
		if w[line.sku] == nil {
			w[line.sku] = make(map[*held]bool)
		}
		w[line.sku][h] = true
	}
}

func (w waiting) remove(h *held) {
	for _, line := range h.lines {
		if line.wanted == 0 {
			continue
		}
		delete(w[line.sku], h)
		if len(w[line.sku]) == 0 {
			delete(w, line.sku)
		}
	}
}

// served are the steps for whose reservations backordered goods have come, those
// that wait longest first.
func (s *shelf) served() (steps []string) {
	served := make(map[*held]bool)
	for sku, waiters := range s.waiting {
		if s.Free(sku) <= 0 {
			continue
		}
		for h := range waiters {
			served[h] = true
		}
	}
	sorted := slices.SortedFunc(maps.Keys(served), func(a, b *held) int {
		return cmp.Or(cmp.Compare(a.since, b.since), cmp.Compare(a.step, b.step))
	})
	for _, h := range sorted[:min(len(sorted), fillSize)] {
		steps = append(steps, h.step)
	}
	return steps
}
