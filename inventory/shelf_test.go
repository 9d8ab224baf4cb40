package inventory

import (
	"testing"

	"pgregory.net/rapid"
)

// TestShelfFindsTheFirst: what is due comes first to last, and the oldest sequence
// number is never beyond that of an active reservation.
func TestShelfFindsTheFirst(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newShelf(DefaultRetention)
		type stored struct {
			expires  int64
			sequence uint64
		}
		open := make(map[string]stored)
		sequence := uint64(0)
		step := rapid.StringMatching(`s[0-9]\.1`)
		t.Repeat(map[string]func(*rapid.T){
			"store": func(t *rapid.T) {
				sequence += rapid.Uint64Range(1, 3*blockSize).Draw(t, "later")
				r := stored{rapid.Int64Range(0, 100).Draw(t, "expires"), sequence}
				step := step.Draw(t, "step")
				open[step] = r
				s.Effect(step, &Reservation{Status: Active, ExpiresAt: r.expires})
				s.Stored(step, sequence)
			},
			"end": func(t *rapid.T) {
				step := step.Draw(t, "step")
				delete(open, step)
				s.Effect(step, &Reservation{Status: Released})
				s.Stored(step, sequence)
			},
			"look": func(t *rapid.T) {
				at := rapid.Int64Range(0, 100).Draw(t, "at")
				for _, h := range s.due.before(at, at+1, 100) {
					if open[h.step].expires > at {
						t.Fatalf("%s is due at %d, not at %d", h.step, open[h.step].expires, at)
					}
					open[h.step] = stored{at + 1, open[h.step].sequence}
				}
				for step, r := range open {
					if r.expires <= at {
						t.Fatalf("%s was due at %d and is not found", step, r.expires)
					}
				}
			},
			"": func(t *rapid.T) {
				oldest, ok := s.Oldest()
				if ok != (len(open) > 0) {
					t.Fatalf("%d are open, and the oldest is %d, %v", len(open), oldest, ok)
				}
				for step, r := range open {
					if r.sequence < oldest || oldest == 0 {
						t.Fatalf("%s is stored at %d, and the oldest at %d", step, r.sequence, oldest)
					}
				}
			},
		})
	})
}

func TestShelfRow(t *testing.T) {
	s := newShelf(DefaultRetention)
	for _, test := range []struct {
		key, value string
		bad        bool
		want       int64
	}{
		{key: "stock.a", value: `{"sku":"a","on_hand":3}`, want: 3},
		{key: "notes.a", value: `whatever`, want: 3},
		{key: "stock.a", value: `{"sku":"b","on_hand":3}`, bad: true},
		{key: "stock.a", value: `{"sku":"a","on_hand":4}`, want: 4},
		{key: "stock.a", value: `{"sku":"a","on_hand":-1}`, bad: true},
		{key: "stock.a", value: `{`, bad: true},
	} {
		if err := s.Row(test.key, []byte(test.value)); (err != nil) != test.bad {
			t.Errorf("%s %s: got error %v", test.key, test.value, err)
		}
		if got := s.Available("a"); got != test.want {
			t.Errorf("after %s %s: %d available, want %d", test.key, test.value, got, test.want)
		}
	}
}
