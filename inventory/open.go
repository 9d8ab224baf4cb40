package inventory

import "container/heap"

// dueList is the active reservations by when they expire, the first one first.
type dueList []*held

func (d *dueList) add(h *held)    { heap.Push(d, h) }
func (d *dueList) remove(h *held) { heap.Remove(d, int(h.at)) }

// putOff lets a reservation expire later.
func (d *dueList) putOff(h *held, until int64) {
	h.expires = until
	heap.Fix(d, int(h.at))
}

// before returns up to n of those that expire before some time, and puts them off
// until another, so that they are not returned again meanwhile.
func (d *dueList) before(at, until int64, n int) (due []*held) {
	for len(*d) > 0 && len(due) < n && (*d)[0].expires <= at {
		due = append(due, (*d)[0])
		d.putOff((*d)[0], until)
	}
	return due
}

// Len, Less, Swap, Push and Pop make it a heap.
func (d dueList) Len() int           { return len(d) }
func (d dueList) Less(i, j int) bool { return d[i].expires < d[j].expires }
func (d dueList) Swap(i, j int) {
	d[i], d[j] = d[j], d[i]
	d[i].at, d[j].at = int32(i), int32(j)
}

// Push adds a *held at the end.
func (d *dueList) Push(x any) {
	h, _ := x.(*held)
	h.at = int32(len(*d))
	*d = append(*d, h)
}

// Pop takes the last one away.
func (d *dueList) Pop() any {
	last := len(*d) - 1
	h := (*d)[last]
	(*d)[last] = nil
	*d = (*d)[:last]
	return h
}

// blockSize is how many sequence numbers are counted together.
const blockSize = 4096

// blocks counts active reservations by where they are stored, so that the first
// one is found without looking at all of them.
type blocks map[uint64]int

func (b blocks) add(sequence uint64) {
	if sequence > 0 {
		b[sequence/blockSize]++
	}
}

func (b blocks) remove(sequence uint64) {
	if sequence == 0 {
		return
	}
	block := sequence / blockSize
	if b[block]--; b[block] == 0 {
		delete(b, block)
	}
}

// oldest is the beginning of the first block with anything in it.
func (b blocks) oldest() (sequence uint64, ok bool) {
	for block := range b {
		if first := max(block*blockSize, 1); !ok || first < sequence {
			sequence, ok = first, true
		}
	}
	return sequence, ok
}
