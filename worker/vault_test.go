package worker_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"amends/protocol"
	"amends/worker"
)

// errAway is what a vault says that gives no answer.
var errAway = errors.New("the vault is away")

// vault is the outside of a till. It remembers orders by key, as a provider does,
// in the memory of the test: a restart of the till changes nothing.
type vault struct {
	mu     sync.Mutex
	orders map[string]bool // true is taken, false is reversed
	later  bool            // nothing is decided before the test says so
	calls  []string

	// before and after run in a call, before and after it has its effect; an error
	// is all that the till learns then.
	before, after func(call string) error
}

func newVault() *vault {
	return &vault{orders: map[string]bool{}}
}

func key(c protocol.Command) string {
	id, err := protocol.ParseSagaID(c.SagaID)
	if err != nil {
		panic(err)
	}
	return protocol.IdempotencyKey(id, c.Step, c.Compensating)
}

func (v *vault) call(verb string, c protocol.Command, effect func()) error {
	call := verb + " " + key(c)
	v.mu.Lock()
	v.calls = append(v.calls, call)
	before, after := v.before, v.after
	v.mu.Unlock()
	if before != nil {
		if err := before(call); err != nil {
			return err
		}
	}
	v.mu.Lock()
	effect()
	v.mu.Unlock()
	if after != nil {
		return after(call)
	}
	return nil
}

func (v *vault) Find(_ context.Context, c protocol.Command, _ coins) (finish worker.Finish[coins], err error) {
	err = v.call("find", c, func() {
		if _, known := v.orders[key(c)]; known {
			finish = v.finish(c)
		}
	})
	return finish, err
}

func (v *vault) Submit(_ context.Context, c protocol.Command, _ coins) (finish worker.Finish[coins], err error) {
	err = v.call("submit", c, func() {
		if _, known := v.orders[key(c)]; !known {
			v.orders[key(c)] = true
		}
		finish = v.finish(c)
	})
	return finish, err
}

func (v *vault) Withdraw(_ context.Context, c protocol.Command, _ coins) (finish worker.Finish[coins], err error) {
	err = v.call("withdraw", c, func() {
		v.orders[key(c)] = false
		finish = func(row coins, _ int64) (worker.Decision[coins], error) {
			return worker.Accept(row.with(c.Step, "back"), nil), nil
		}
	})
	return finish, err
}

// finish is what the vault says of an order that it knows. It is called with the
// lock held.
func (v *vault) finish(c protocol.Command) worker.Finish[coins] {
	taken, later := v.orders[key(c)], v.later
	return func(row coins, _ int64) (worker.Decision[coins], error) {
		switch {
		case later:
			return worker.Begin(&row), nil
		case !taken:
			return worker.Decline(row.with(c.Step, ""), &protocol.Failure{Error: "reversed"}), nil
		case c.Compensating:
			return worker.Accept(row.with(c.Step, "back"), nil), nil
		}
		return worker.Accept(row.with(c.Step, "taken"), map[string]string{"receipt": key(c)}), nil
	}
}

// decide lets the vault decide from now on.
func (v *vault) decide() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.later = false
}

func (v *vault) set(before, after func(string) error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.before, v.after = before, after
}

// heard counts the calls that begin like that.
func (v *vault) heard(call string) (n int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, c := range v.calls {
		if strings.HasPrefix(c, call) {
			n++
		}
	}
	return n
}

// has tells whether an order was carried out and not reversed.
func (v *vault) has(key string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.orders[key]
}

// said is what the till was told of a saga, in short.
func (v *vault) said() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return strings.Join(slices.Clone(v.calls), ", ")
}
