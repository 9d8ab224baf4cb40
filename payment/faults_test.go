package payment_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"amends/payment"
)

// afterApproval is a gateway that is asked to reverse an order only when it has
// approved it, and says nothing of an approval.
type afterApproval struct {
	payment.Gateway
	asked chan struct{} // gets a token for every order that it has taken in
}

func (g afterApproval) Submit(ctx context.Context, o payment.Order) (payment.Receipt, error) {
	if o.Kind == payment.KindReverse {
		o.At += time.Hour.Microseconds()
	}
	r, err := g.Gateway.Submit(ctx, o)
	if o.Kind == payment.KindCharge {
		r.State = payment.Processing
		g.asked <- struct{}{}
	}
	return r, err
}

func (g afterApproval) Find(ctx context.Context, o payment.Order) (payment.Receipt, error) {
	r, err := g.Gateway.Find(ctx, o)
	if r.State == payment.Approved && o.Kind == payment.KindCharge {
		r.State = payment.Processing
	}
	return r, err
}

// errFault is a fault that was made on purpose.
var errFault = errors.New("a fault that was made on purpose")

// faulty is a gateway that fails now and then: before it has done anything, or
// after it, with an error or in silence (S2-08). It hides that the bank is an
// instant one, so that everything is begun before it is asked for.
type faulty struct {
	payment.Gateway
	mu   *sync.Mutex
	dice *rand.Rand
}

func (g faulty) fails() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.dice.IntN(5) == 0
}

func (g faulty) Submit(ctx context.Context, o payment.Order) (payment.Receipt, error) {
	if g.fails() {
		return payment.Receipt{}, errFault
	}
	r, err := g.Gateway.Submit(ctx, o)
	if err == nil && g.fails() {
		return payment.Receipt{}, payment.ErrNoAnswer
	}
	return r, err
}

func (g faulty) Find(ctx context.Context, o payment.Order) (payment.Receipt, error) {
	if g.fails() {
		return payment.Receipt{}, errFault
	}
	return g.Gateway.Find(ctx, o)
}
