package saga_test

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"amends/saga"
)

// sealed is the journal of a saga that was declined: four links.
func sealed(t *testing.T) (links []json.RawMessage, tip string) {
	t.Helper()
	for i, e := range []saga.Event{
		{Type: saga.Started, At: 1, Start: checkout42("checkout43")},
		{Type: saga.StepAccepted, At: 2, Step: 1, Attempt: 1, Fields: raw(replies["ReserveInventory"])},
		{Type: saga.StepDeclined, At: 3, Step: 2, Attempt: 1, Code: "insufficient_funds", DeclineCode: "DECLINED"},
		{Type: saga.CompensationDone, At: 4, Step: 1, Attempt: 1},
	} {
		link, hash, err := saga.Seal(i+1, tip, &e)
		if err != nil {
			t.Fatal(err)
		}
		links, tip = append(links, link), hash
	}
	return links, tip
}

// TestEveryFlippedBitIsNoticed damages a journal in every possible single bit.
// The error names the link that was hit, or the one behind it, which no longer
// follows from it.
func TestEveryFlippedBitIsNoticed(t *testing.T) {
	links, tip := sealed(t)
	for i := range links {
		for bit := range 8 * len(links[i]) {
			links[i][bit/8] ^= 1 << (bit % 8)
			_, err := saga.Unseal(links, tip)
			links[i][bit/8] ^= 1 << (bit % 8)
			var broken *saga.ChainError
			if !errors.As(err, &broken) || broken.Seq != i+1 && broken.Seq != min(i+2, len(links)) {
				t.Fatalf("bit %d of link %d: %v", bit, i+1, err)
			}
		}
	}
	if _, err := saga.Unseal(links, tip); err != nil {
		t.Errorf("the undamaged journal: %v", err)
	}
}

// TestBrokenChains takes the chain apart in every way that loses, doubles or
// moves links. Changed bytes are in the story chain.txt, too.
func TestBrokenChains(t *testing.T) {
	for name, test := range map[string]struct {
		harm func(links []json.RawMessage) []json.RawMessage
		seq  int
	}{
		"first lost":    {func(l []json.RawMessage) []json.RawMessage { return l[1:] }, 1},
		"second lost":   {func(l []json.RawMessage) []json.RawMessage { return slices.Delete(l, 1, 2) }, 2},
		"last lost":     {func(l []json.RawMessage) []json.RawMessage { return l[:3] }, 3},
		"all lost":      {func([]json.RawMessage) []json.RawMessage { return nil }, 0},
		"two swapped":   {func(l []json.RawMessage) []json.RawMessage { l[1], l[2] = l[2], l[1]; return l }, 2},
		"last doubled":  {func(l []json.RawMessage) []json.RawMessage { return append(l, l[3]) }, 5},
		"first doubled": {func(l []json.RawMessage) []json.RawMessage { return slices.Insert(l, 0, l[0]) }, 2},
		"empty link":    {func(l []json.RawMessage) []json.RawMessage { l[2] = nil; return l }, 3},
	} {
		t.Run(name, func(t *testing.T) {
			links, tip := sealed(t)
			_, err := saga.Unseal(test.harm(links), tip)
			var broken *saga.ChainError
			if !errors.As(err, &broken) || broken.Seq != test.seq {
				t.Errorf("Unseal: %v, want it to name event %d", err, test.seq)
			}
		})
	}
}

// TestAnotherTip holds that a whole chain does not pass for another one: a
// record whose tip was kept and whose events were set back is noticed.
func TestAnotherTip(t *testing.T) {
	links, tip := sealed(t)
	if _, err := saga.Unseal(links, saga.Genesis); err == nil {
		t.Error("a chain passed without its tip")
	}
	if _, err := saga.Unseal(nil, saga.Genesis); err != nil {
		t.Errorf("the journal of a saga that has not begun: %v", err)
	}
	other, _, err := saga.Seal(1, saga.Genesis, &saga.Event{Type: saga.Started, At: 2, Start: checkout42("checkout43")})
	if err != nil {
		t.Fatal(err)
	}
	links[0] = other
	if _, err := saga.Unseal(links, tip); err == nil {
		t.Error("a chain passed whose first link was exchanged")
	}
}

// TestSealRefuses holds that an event which cannot be read back is not written.
func TestSealRefuses(t *testing.T) {
	e := saga.Event{Type: saga.StepAccepted, Fields: map[string]json.RawMessage{"payment_id": json.RawMessage("p1")}}
	if _, _, err := saga.Seal(1, saga.Genesis, &e); err == nil {
		t.Error("an event whose field is not JSON was sealed")
	}
}
