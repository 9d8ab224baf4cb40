package payment

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"testing"

	"amends/protocol"

	"pgregory.net/rapid"
)

// TestLedgerKeepsItsBooks plays one payment against a model that knows nothing but
// sums: any commands in any order, finished late, in another order, or refused by
// the gateway. Whatever happens, Σ refunds ≤ captured ≤ authorized, nothing is
// ever negative, and what was voided is never captured (D3, D5, D19).
func TestLedgerKeepsItsBooks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := newBooks(t)
		t.Repeat(map[string]func(*rapid.T){
			"capture": b.capture,
			"refund":  b.refund,
			"void":    b.void,
			"answer":  b.answer,
			"wait":    b.wait,
			"":        b.check,
		})
	})
}

// sums is the model of one payment_id: what was taken, what was given back, and
// what is on its way back. In minor units.
type sums struct{ taken, back, onItsWay int64 }

// books is a row, and what the model says of it.
type books struct {
	row      Payment
	currency string
	held     int64 // set aside, or taken at once
	now      int64
	gone     bool // voided, or going to be
	step     int  // the last that was used
	byID     map[string]*sums
	open     []begun
}

// begun is a command that the gateway has not answered yet.
type begun struct {
	c       protocol.Command
	payment string // "" for a void
	amount  int64
}

func newBooks(t *rapid.T) *books {
	b := &books{
		currency: rapid.SampledFrom([]string{"USD", "JPY", "KWD"}).Draw(t, "currency"),
		held:     rapid.Int64Range(0, 5).Draw(t, "held"), step: 2, now: 1, byID: map[string]*sums{},
	}
	amount := protocol.Money{Minor: b.held, Currency: b.currency}
	if rapid.Bool().Draw(t, "charge") {
		c := command(protocol.TypeChargePayment, 2)
		b.row = *b.finish(t, BeginCharge(c, "u42", amount), c, approved).Row
		b.byID[b.row.PaymentID] = &sums{taken: b.held}
		return b
	}
	c := command(protocol.TypeAuthorizePayment, 2)
	b.row = *b.finish(t, BeginAuthorization(c, "u42", amount), c, approved).Row
	return b
}

func (b *books) finish(t *rapid.T, row Payment, c protocol.Command, r Receipt) Outcome {
	o, err := Finish(row, c, r, b.now)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func (b *books) decimal(minor int64) protocol.Decimal {
	return protocol.Money{Minor: minor, Currency: b.currency}.Decimal()
}

// spent is what was captured of an authorization, or is going to be.
func (b *books) spent() (total int64) {
	for _, s := range b.byID {
		total += s.taken
	}
	for _, o := range b.open {
		if o.c.Type == protocol.TypeCapturePayment {
			total += o.amount
		}
	}
	return total
}

func (b *books) capture(t *rapid.T) {
	b.step++
	amount := rapid.Int64Range(0, 6).Draw(t, "amount")
	cmd := capture(b.step, b.decimal(amount), b.currency)
	after, declined, err := BeginCapture(cmd, &b.row, b.now)
	if err != nil {
		t.Fatal(err)
	}
	allowed := b.row.Authorization != nil && !b.gone && b.now < expires && amount <= b.held-b.spent()
	if allowed && amount == 0 && b.held == b.spent() && len(b.row.Authorization.Captures) > 0 {
		allowed = false // nothing of nothing
	}
	if (declined == nil) != allowed {
		t.Fatalf("a capture of %d is declined: %+v, the model allows it: %v", amount, declined, allowed)
	}
	if allowed {
		b.row = after
		b.open = append(b.open, begun{c: cmd.Command, payment: paymentID(saga, b.step), amount: amount})
	}
}

func (b *books) refund(t *rapid.T) {
	if len(b.byID) == 0 {
		t.Skip("nothing to refund")
	}
	id := rapid.SampledFrom(slices.Sorted(maps.Keys(b.byID))).Draw(t, "payment")
	s := b.byID[id]
	left := s.taken - s.back - s.onItsWay
	b.step++
	cmd := named(refund(b.step, "", ""), id)
	amount := left
	if rapid.Bool().Draw(t, "in part") {
		amount = rapid.Int64Range(0, 6).Draw(t, "amount")
		cmd.Amount, cmd.Currency = b.decimal(amount), b.currency
	}
	after, done, declined, err := BeginRefund(cmd, &b.row)
	switch {
	case errors.Is(err, errUnsettled):
		if !slices.ContainsFunc(b.open, func(o begun) bool { return o.payment == id }) {
			t.Fatal("a refund waits for nothing")
		}
	case err != nil:
		t.Fatal(err)
	case done:
		if s.back != s.taken {
			t.Fatalf("of %d only %d is back, and a refund has nothing to do", s.taken, s.back)
		}
	case (declined == nil) != (amount <= left):
		t.Fatalf("a refund of %d of %d is declined: %+v", amount, left, declined)
	case declined == nil:
		b.row = after
		s.onItsWay += amount
		b.open = append(b.open, begun{c: cmd.Command, payment: id, amount: amount})
	}
}

func (b *books) void(t *rapid.T) {
	if b.row.Authorization == nil || b.gone {
		t.Skip("nothing to void")
	}
	cmd := protocol.VoidPayment{Command: command(protocol.TypeVoidPayment, 2)}
	after, done, declined, err := BeginVoid(cmd, &b.row)
	if done || declined != nil || err != nil {
		t.Fatal(done, declined, err)
	}
	b.row, b.gone = after, true
	b.open = append(b.open, begun{c: cmd.Command})
}

// answer lets the gateway answer one of the open commands, in any order.
func (b *books) answer(t *rapid.T) {
	if len(b.open) == 0 {
		t.Skip("nothing is open")
	}
	i := rapid.IntRange(0, len(b.open)-1).Draw(t, "which")
	receipt := rapid.SampledFrom([]Receipt{
		approved, {State: Processing}, {State: Declined, Failure: protocol.Failure{Error: "no"}},
	}).Draw(t, "receipt")
	o := b.open[i]
	if receipt.State == Declined && o.payment == "" {
		receipt = approved // a void that is refused is a test of its own
	}
	wasGone := b.isGone()
	got := b.finish(t, b.row, o.c, receipt)
	b.row = *got.Row
	if receipt.State == Processing {
		return
	}
	b.open = slices.Delete(b.open, i, i+1)
	switch {
	case o.payment == "":
		b.reverse()
	case o.c.Compensating:
		s := b.byID[o.payment]
		s.onItsWay -= o.amount
		if receipt.State == Approved || wasGone { // with its authorization, at the latest
			s.back += o.amount
		}
	case receipt.State == Approved && wasGone:
		if got.Declined == nil {
			t.Fatal("what was voided is captured")
		}
		b.byID[o.payment] = &sums{taken: o.amount, back: o.amount}
	case receipt.State == Approved:
		b.byID[o.payment] = &sums{taken: o.amount}
	}
}

// isGone reports whether the gateway has reversed the authorization.
func (b *books) isGone() bool {
	return b.gone && !slices.ContainsFunc(b.open, func(o begun) bool { return o.payment == "" })
}

// reverse gives back what stands and is not on its way back already.
func (b *books) reverse() {
	for _, s := range b.byID {
		s.back = s.taken - s.onItsWay
	}
}

func (b *books) wait(t *rapid.T) { b.now += rapid.Int64Range(0, expires/2).Draw(t, "time") }

// check holds the row, as it is stored, to the model and to the books.
func (b *books) check(t *rapid.T) {
	stored, err := json.Marshal(b.row)
	if err != nil {
		t.Fatal(err)
	}
	var row Payment
	if err := json.Unmarshal(stored, &row); err != nil {
		t.Fatal(err)
	}
	var taken int64
	for id, want := range b.byID {
		c := row.captured(id)
		if c == nil {
			t.Fatalf("%s is not in the row", id)
		}
		got := b.sumsOf(t, c)
		if got != *want {
			t.Fatalf("%s has %+v, the model %+v: %s", id, got, *want, stored)
		}
		if got.taken < 0 || got.back < 0 || got.onItsWay < 0 || got.back+got.onItsWay > got.taken {
			t.Fatalf("%s: %+v", id, got)
		}
		if c.Status == Refunded && got.back != got.taken {
			t.Fatalf("%s is refunded, and only %+v", id, got)
		}
		taken += got.taken
	}
	if taken > b.held {
		t.Fatalf("%d is captured of %d", taken, b.held)
	}
	if a := row.Authorization; a != nil && a.Status == Voided && taken > 0 {
		t.Fatalf("it is voided, and %d was captured: %s", taken, stored)
	}
}

func (b *books) sumsOf(t *rapid.T, c *Capture) (s sums) {
	minor := func(amount protocol.Decimal) int64 {
		m, err := protocol.ParseMoney("amount", amount, b.currency)
		if err != nil {
			t.Fatal(err)
		}
		return m.Minor
	}
	s.taken = minor(c.Amount)
	all := c.PartialRefunds
	if c.Refund != nil {
		all = append(slices.Clone(all), *c.Refund)
	}
	for _, r := range all {
		if r.RefundedAt == 0 && b.isOpen(r.RefundID) {
			s.onItsWay += minor(r.Amount)
		} else {
			s.back += minor(r.Amount)
		}
	}
	return s
}

func (b *books) isOpen(refund string) bool {
	return slices.ContainsFunc(b.open, func(o begun) bool { return o.c.Compensating && refundID(o.c) == refund })
}
