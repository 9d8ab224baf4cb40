package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"amends/protocol"
	"amends/store"

	"github.com/nats-io/nats.go"
)

// tellTimeout is how long a result waits for its acknowledgement before it is
// sent again.
const tellTimeout = 5 * time.Second

// owing are the steps of a record about which something is owed.
func (m *Memory[E]) owing() []int {
	var steps []int
	if m.Fence.owes() {
		steps = append(steps, m.Step)
	}
	for guest, f := range m.Guests {
		if f.owes() {
			steps = append(steps, guest)
		}
	}
	return steps
}

// owesMoreThan are the steps about which something is owed now and was not before.
func (m *Memory[E]) owesMoreThan(before *Memory[E]) []int {
	return slices.DeleteFunc(m.owing(), func(step int) bool { return slices.Contains(before.owing(), step) })
}

// fulfil takes the promise of a step through what is left of its life: it is
// decided, and its result is told; or it is withdrawn. Whatever is found done by
// another replica is not done again, and of two that decide at once one is
// refused. It reports whether the step is decided and nothing is owed about it.
func (b *Book[E]) fulfil(ctx context.Context, id protocol.SagaID, step int) (kept bool, err error) {
	known, at, err := b.locate(ctx, id, step)
	for range maxTries {
		f := known.memory.fence(at)
		switch {
		case err != nil || !f.owes():
			return f.Action != nil, err
		case f.Promise.Withdrawn:
			known, err = b.withdraw(ctx, at, known)
		case f.begun() != nil:
			known, err = b.ask(ctx, at, known, false)
		default:
			known, err = b.tell(ctx, at, known)
		}
	}
	return false, fmt.Errorf("keeping the promise of step %s: %w", at.key, store.ErrConflict)
}

// tell sends the verdict on an action to where it is awaited, and notes that it
// was taken, or never will be.
func (b *Book[E]) tell(ctx context.Context, at place, known recalled[E]) (recalled[E], error) {
	f := known.memory.fence(at)
	if err := b.deliver(ctx, f.Promise, f.Action.Reply); err != nil {
		return known, err
	}
	return b.keep(ctx, at.key, known, func(m Memory[E]) (Memory[E], error) { return m.keptPromise(at), nil })
}

// deliver sends a result once. An error says that it has to be sent again.
func (b *Book[E]) deliver(ctx context.Context, p *Promise, result []byte) error {
	ctx, cancel := context.WithTimeout(ctx, tellTimeout)
	defer cancel()
	m := nats.NewMsg(p.Callback)
	m.Data = result
	answer, err := b.conn.RequestMsgWithContext(ctx, m)
	if err != nil {
		return fmt.Errorf("telling the result of %s: %w", p.Command.Type, err)
	}
	refused, err := readAcknowledgement(answer.Data, p.Command)
	if err != nil {
		return fmt.Errorf("telling the result of %s: %w", p.Command.Type, err)
	}
	if refused != nil {
		b.log.Error().Err(refused).Str("saga_id", p.Command.SagaID).Int("step", p.Command.Step).
			Msg("a result is refused for good; whoever awaits it has to ask for it")
	}
	return nil
}

// readAcknowledgement reads the answer to a result. It was taken, or refused for
// good; an error says neither.
func readAcknowledgement(data []byte, c protocol.Command) (refused, err error) {
	var taken protocol.CallbackAccepted
	if _, err := protocol.Decode(data, &taken); err != nil {
		return nil, err
	}
	switch taken.Type {
	case protocol.TypeCallbackAccepted:
		if taken.SagaID == c.SagaID && taken.Step == c.Step {
			return nil, nil
		}
		return nil, errors.New("the acknowledgement is of another step")
	case protocol.TypeError:
		var e protocol.Error
		if err := json.Unmarshal(data, &e); err != nil {
			return nil, err
		}
		if !strings.HasPrefix(e.Status(), "4") { // a fault of the other side, or of no known kind
			return nil, &e
		}
		return &e, nil
	}
	return nil, fmt.Errorf("the answer is of type %q", taken.Type)
}
