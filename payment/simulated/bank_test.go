package simulated_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"amends/payment"
	"amends/payment/simulated"
	"amends/protocol"
	"amends/worker/workertest"
)

// noon is the time in these tests, in microseconds since 1970 UTC.
const noon int64 = 1_700_000_000_000_000

func newBank(t *testing.T, n *workertest.NATS) *simulated.Bank {
	return simulated.New(simulated.Config{Writer: n.Config(t).Writer, Silence: time.Millisecond})
}

// order is one of 100.00 USD for a step of a saga.
func order(kind payment.Kind, key, of, user string) payment.Order {
	o := payment.Order{Kind: kind, Key: "s." + key, UserID: user, At: noon}
	if of != "" {
		o.Of = "s." + of
	}
	if kind != payment.KindReverse {
		o.Amount = protocol.Money{Minor: 100_00, Currency: "USD"}
	}
	return o
}

func of(o payment.Order, minor int64) payment.Order {
	o.Amount.Minor = minor
	return o
}

func at(o payment.Order, ms int64) payment.Order {
	o.At += ms * 1000
	return o
}

// visit is a bank and somebody who hands in orders.
type visit struct {
	*testing.T
	bank *simulated.Bank
}

func (v visit) submit(o payment.Order, want payment.State) payment.Receipt {
	v.Helper()
	r, err := v.bank.Submit(v.Context(), o)
	if err != nil || r.State != want {
		v.Fatalf("%s %s: got %+v, %v; want state %d", o.Kind, o.Key, r, err, want)
	}
	return r
}

func (v visit) find(o payment.Order, want payment.State) payment.Receipt {
	v.Helper()
	r, err := v.bank.Find(v.Context(), o)
	if err != nil || r.State != want {
		v.Fatalf("%s %s: found %+v, %v; want state %d", o.Kind, o.Key, r, err, want)
	}
	return r
}

const stateful = "u970-0" // pays, and is remembered

// TestAnOrderIsCarriedOutOnce: the same key is the same order, whatever bank gets
// it and whatever was restarted (D6).
func TestAnOrderIsCarriedOutOnce(t *testing.T) {
	n := workertest.Server(t)
	v := visit{t, newBank(t, n)}
	charge := order(payment.KindCharge, "2.do", "", stateful)
	v.find(charge, payment.None)
	first := v.submit(charge, payment.Approved)
	n.Stop()
	n.Start(t)
	other := visit{t, newBank(t, n)}
	if again := other.submit(charge, payment.Approved); again.TransactionID != first.TransactionID {
		t.Errorf("got %+v and then %+v", first, again)
	}
	if found := other.find(charge, payment.Approved); found.TransactionID != first.TransactionID || !strings.HasPrefix(found.TransactionID, "txn_") {
		t.Errorf("found %+v", found)
	}
	refund := order(payment.KindRefund, "2.undo", "2.do", stateful)
	other.submit(refund, payment.Approved)
	other.submit(refund, payment.Approved)
	if r := other.submit(of(order(payment.KindRefund, "2.reverse", "2.do", stateful), 1), payment.Declined); r.Failure.Error != payment.ReasonRefundTooLarge {
		t.Errorf("a cent more: %+v", r)
	}
}

// TestNobodyGetsMoreThanThereIs: the bank holds to its own sums, whoever asks at
// once.
func TestNobodyGetsMoreThanThereIs(t *testing.T) {
	n := workertest.Server(t)
	v := visit{t, newBank(t, n)}
	hold := order(payment.KindAuthorize, "2.do", "", stateful)
	v.submit(hold, payment.Approved)
	var mu sync.Mutex
	var all sync.WaitGroup
	captured := 0
	for _, key := range strings.Fields("3.do 4.do 5.do 6.do") {
		bank := newBank(t, n)
		all.Go(func() {
			r, err := bank.Submit(t.Context(), of(order(payment.KindCapture, key, "2.do", stateful), 40_00))
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			if r.State == payment.Approved {
				captured++
			} else if r.Failure.Error != payment.ReasonAuthorizationSpent {
				t.Errorf("got %+v", r)
			}
		})
	}
	all.Wait()
	if captured != 2 {
		t.Errorf("%d captures of 40 out of 100", captured)
	}
	late := at(order(payment.KindCapture, "7.do", "2.do", stateful), 7*24*3600*1000)
	if r := v.submit(late, payment.Declined); r.Failure.Error != payment.ReasonAuthorizationExpired {
		t.Errorf("after seven days: %+v", r)
	}
}

// TestReverse: whatever has become of an order, it has no effect any more, and
// never will have (D5, D10).
func TestReverse(t *testing.T) {
	reverse := order(payment.KindReverse, "2.undo", "2.do", stateful)
	charge := order(payment.KindCharge, "2.do", "", stateful)
	for name, test := range map[string]struct {
		before func(v visit)
		user   string
		after  int64 // milliseconds
		want   int64 // given back, in cents
	}{
		"never came": {func(visit) {}, stateful, 0, 0},
		"paid":       {func(v visit) { v.submit(charge, payment.Approved) }, stateful, 0, 100_00},
		"refunded in part": {func(v visit) {
			v.submit(charge, payment.Approved)
			v.submit(of(order(payment.KindRefund, "3.undo", "2.do", stateful), 30_00), payment.Approved)
		}, stateful, 0, 70_00},
		"not decided":    {func(v visit) { v.submit(order(payment.KindCharge, "2.do", "", "u960"), payment.Processing) }, "u960", 499, 0},
		"decided since":  {func(v visit) { v.submit(order(payment.KindCharge, "2.do", "", "u960"), payment.Processing) }, "u960", 500, 100_00},
		"declined since": {func(v visit) { v.submit(order(payment.KindCharge, "2.do", "", "u961"), payment.Processing) }, "u961", 500, 0},
		"set aside":      {func(v visit) { v.submit(order(payment.KindAuthorize, "2.do", "", stateful), payment.Approved) }, stateful, 0, 0},
		"captured": {func(v visit) {
			v.submit(order(payment.KindAuthorize, "2.do", "", stateful), payment.Approved)
			v.submit(of(order(payment.KindCapture, "3.do", "2.do", stateful), 60_00), payment.Approved)
			v.submit(of(order(payment.KindRefund, "3.undo", "3.do", stateful), 10_00), payment.Approved)
		}, stateful, 0, 50_00},
	} {
		t.Run(name, func(t *testing.T) {
			v := visit{t, newBank(t, workertest.Server(t))}
			test.before(v)
			o := at(reverse, test.after)
			o.UserID = test.user
			for range 2 {
				if r := v.submit(o, payment.Approved); r.Returned.Minor != test.want {
					t.Errorf("gave %+v back, want %d cents", r.Returned, test.want)
				}
			}
			late := at(order(payment.KindCharge, "2.do", "", test.user), test.after+1)
			v.submit(late, payment.Declined)
			v.find(late, payment.Declined)
			v.submit(of(order(payment.KindCapture, "9.do", "2.do", test.user), 1), payment.Declined)
			// What was reversed is back, whoever asks for it.
			v.submit(of(order(payment.KindRefund, "8.undo", "2.do", test.user), 1), payment.Approved)
		})
	}
}

// TestSilenceEndsWithTheCaller: a call that gets no answer does not outlast its
// context, and is told apart from other trouble.
func TestSilenceEndsWithTheCaller(t *testing.T) {
	bank := simulated.New(simulated.Config{Writer: workertest.Server(t).Config(t).Writer, Silence: time.Hour})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := bank.Submit(ctx, order(payment.KindCharge, "2.do", "", "u972")); !errors.Is(err, payment.ErrNoAnswer) {
		t.Errorf("got %v", err)
	}
	if _, err := bank.Submit(t.Context(), order(payment.KindCharge, "3.do", "", "u981")); err == nil || errors.Is(err, payment.ErrNoAnswer) {
		t.Errorf("got %v", err)
	}
}

// TestWithoutAStore: the bank is away, and nothing is known.
func TestWithoutAStore(t *testing.T) {
	n := workertest.Server(t)
	bank := newBank(t, n)
	n.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if r, err := bank.Submit(ctx, order(payment.KindCharge, "2.do", "", stateful)); err == nil {
		t.Errorf("got %+v", r)
	}
	// Most users do not need it.
	if r, ok := bank.Answer(order(payment.KindCharge, "2.do", "", "u42")); !ok || r.State != payment.Approved {
		t.Errorf("got %+v", r)
	}
}
