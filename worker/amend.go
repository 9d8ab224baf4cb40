package worker

import (
	"context"
	"fmt"

	"amends/protocol"
	"amends/store"
)

// Effect reads the business row that a step has left; nil if it has left none.
func (b *Book[E]) Effect(ctx context.Context, id protocol.SagaID, step int) (*E, error) {
	known, err := b.recall(ctx, protocol.StepKey(id, step))
	return known.memory.Effect, err
}

// Amend changes the business row that a step has left, for a reason that is no
// command of its saga: a parcel is handed over. The verdicts stay as they are.
// It returns the row as it is then, or nil if there is none.
//
// change says whether anything has changed. It must be pure, and find nothing to
// change in a row that it has changed before.
func (b *Book[E]) Amend(
	ctx context.Context, id protocol.SagaID, step int, change func(row E) (after E, changed bool, err error),
) (*E, error) {
	key := protocol.StepKey(id, step)
	known, err := b.recall(ctx, key)
	for range maxTries {
		if err != nil || known.memory.Effect == nil {
			return nil, err
		}
		after, changed, err := change(*known.memory.Effect)
		if err != nil || !changed {
			return known.memory.Effect, err
		}
		known, err = b.keep(ctx, key, known, func(m Memory[E]) (Memory[E], error) {
			m.Effect = &after
			return m, nil
		})
		if err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("changing the row of step %s: others were faster %d times: %w", key, maxTries, store.ErrConflict)
}
