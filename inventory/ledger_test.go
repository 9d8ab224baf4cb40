package inventory

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"

	"amends/protocol"

	"pgregory.net/rapid"
)

func order(saga string, items ...protocol.Line) protocol.ReserveInventory {
	return protocol.ReserveInventory{
		Command: protocol.Command{Type: protocol.TypeReserveInventory, SagaID: saga, Step: 1}, Items: items,
	}
}

// TestReserve: all lines or none (D15), one reservation per SKU in the order of
// the lines (S0-08).
func TestReserve(t *testing.T) {
	stock := map[string]int64{"a": 2, "b": 1, "sold out": 0, "oversold": -3}
	for name, test := range map[string]struct {
		items []protocol.Line
		short []string
	}{
		"one line":               {items: []protocol.Line{{SKU: "a", Quantity: 1}}},
		"all there is":           {items: []protocol.Line{{SKU: "a", Quantity: 2}}},
		"several lines":          {items: []protocol.Line{{SKU: "b", Quantity: 1}, {SKU: "a", Quantity: 2}}},
		"one too many":           {items: []protocol.Line{{SKU: "a", Quantity: 3}}, short: []string{"a"}},
		"nothing left":           {items: []protocol.Line{{SKU: "sold out", Quantity: 1}}, short: []string{"sold out"}},
		"less than nothing left": {items: []protocol.Line{{SKU: "oversold", Quantity: 1}}, short: []string{"oversold"}},
		"unknown":                {items: []protocol.Line{{SKU: "x", Quantity: 1}}, short: []string{"x"}},
		"one of many is short":   {items: []protocol.Line{{SKU: "a", Quantity: 1}, {SKU: "b", Quantity: 2}}, short: []string{"b"}},
		"all are short":          {items: []protocol.Line{{SKU: "x", Quantity: 1}, {SKU: "b", Quantity: 2}}, short: []string{"x", "b"}},
	} {
		t.Run(name, func(t *testing.T) {
			r, ok, declined := Reserve(order("s1", test.items...), func(sku string) int64 { return stock[sku] }, 7)
			if test.short != nil {
				want := &protocol.Failure{Error: ReasonOutOfStock, Unavailable: test.short}
				if !reflect.DeepEqual(declined, want) || r.Lines != nil || ok.Reservations != nil {
					t.Errorf("got %+v and %+v, want %+v alone", r, declined, want)
				}
				return
			}
			if declined != nil || r.Status != Active || r.ReservedAt != 7 || len(ok.Reservations) != len(test.items) {
				t.Fatalf("got %+v, %+v, %+v", r, ok, declined)
			}
			for i, item := range test.items {
				id := fmt.Sprintf("r-s1-1-%d", i+1)
				if r.Lines[i] != (Hold{item.SKU, item.Quantity, id}) || ok.Reservations[i] != (protocol.Reservation{SKU: item.SKU, ReservationID: id}) {
					t.Errorf("line %d: got %+v and %+v", i, r.Lines[i], ok.Reservations[i])
				}
			}
		})
	}
}

// TestRelease: whatever the command names must be what the step holds (S0-15).
func TestRelease(t *testing.T) {
	done := Reservation{Status: Active, ReservedAt: 7, Lines: []Hold{{"a", 2, "r1"}, {"b", 1, "r2"}}}
	for name, test := range map[string]struct {
		named    []protocol.Reservation
		declined bool
	}{
		"nothing named":       {},
		"all named":           {named: []protocol.Reservation{{SKU: "a", ReservationID: "r1"}, {SKU: "b", ReservationID: "r2"}}},
		"some named":          {named: []protocol.Reservation{{SKU: "b", ReservationID: "r2"}}},
		"another reservation": {named: []protocol.Reservation{{SKU: "a", ReservationID: "r9"}}, declined: true},
		"another sku":         {named: []protocol.Reservation{{SKU: "b", ReservationID: "r1"}}, declined: true},
	} {
		t.Run(name, func(t *testing.T) {
			after, declined := Release(protocol.ReleaseReservation{Reservations: test.named}, done, 9)
			if test.declined != (declined != nil) || test.declined && declined.Error != ReasonReservationMismatch {
				t.Fatalf("got %+v", declined)
			}
			if !test.declined && (after.Status != Released || after.ReleasedAt != 9 || after.ReservedAt != 7) {
				t.Errorf("got %+v", after)
			}
			if done.Status != Active {
				t.Error("the row that was passed in has changed")
			}
		})
	}
}

// TestShelfAgainstCounting lets a shelf see reservations come and go in any order
// and be taken back, and compares it with plain counting.
func TestShelfAgainstCounting(t *testing.T) {
	skus := []string{"a", "b", "c"}
	rapid.Check(t, func(t *rapid.T) {
		s := newShelf()
		rows := make(map[string]Reservation) // by step
		onHand := make(map[string]int64)
		t.Repeat(map[string]func(*rapid.T){
			"stock": func(t *rapid.T) {
				sku, n := rapid.SampledFrom(skus).Draw(t, "sku"), rapid.Int64Range(0, 20).Draw(t, "pieces")
				onHand[sku] = n
				value, _ := json.Marshal(Stock{SKU: sku, OnHand: n})
				if err := s.Row(stockPrefix+sku, value); err != nil {
					t.Fatal(err)
				}
			},
			"reserve": func(t *rapid.T) {
				saga := rapid.StringMatching(`s[0-4]`).Draw(t, "saga")
				cmd := order(saga)
				for _, sku := range rapid.SliceOfNDistinct(rapid.SampledFrom(skus), 1, 3, rapid.ID[string]).Draw(t, "skus") {
					cmd.Items = append(cmd.Items, protocol.Line{SKU: sku, Quantity: rapid.Int64Range(1, 9).Draw(t, "pieces")})
				}
				if _, taken := rows[saga]; taken {
					return
				}
				if r, _, declined := s.reserve(cmd, 1); declined == nil {
					rows[saga] = r
					s.Effect(saga, &r)
				}
			},
			"release": func(t *rapid.T) {
				saga := rapid.StringMatching(`s[0-4]`).Draw(t, "saga")
				if r, taken := rows[saga]; taken {
					r, _ = Release(protocol.ReleaseReservation{}, r, 2)
					s.Effect(saga, &r)
					delete(rows, saga)
				}
			},
			"take back": func(t *rapid.T) {
				saga := rapid.StringMatching(`s[0-4]`).Draw(t, "saga")
				first := s.Effect(saga, &Reservation{Status: Active, Lines: []Hold{{SKU: "a", Quantity: 3}}})
				second := s.Effect(saga, nil)
				second()
				first()
			},
			"": func(t *rapid.T) {
				for _, sku := range skus {
					var reserved int64
					for _, r := range rows {
						for _, hold := range r.Lines {
							if hold.SKU == sku {
								reserved += hold.Quantity
							}
						}
					}
					if got, want := s.available(sku), onHand[sku]-reserved; got != want {
						t.Fatalf("%s: %d available, want %d", sku, got, want)
					}
				}
			},
		})
	})
}

func TestShelfRow(t *testing.T) {
	s := newShelf()
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
		if got := s.available("a"); got != test.want {
			t.Errorf("after %s %s: %d available, want %d", test.key, test.value, got, test.want)
		}
	}
}
