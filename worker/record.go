package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"amends/protocol"
	"amends/store"
)

// errUnchanged says that a revision found nothing to change.
var errUnchanged = errors.New("nothing to change")

// Revise changes the business row that a step (its <saga_id>.<step>) has left, for
// a reason that is no command of its saga: its time is over, or a parcel is handed
// over. The verdicts stay as they are. It returns the row as it is then; nil if there
// is none.
//
// change says whether anything has changed. In a guarded book it may look at the
// picture. It must be safe to call again, and find nothing to change in a row that
// it has changed before. Its error is returned.
func (b *Book[E]) Revise(
	ctx context.Context, step string, change func(row E, at int64) (after E, changed bool, err error),
) (*E, error) {
	known, err := b.recall(ctx, step)
	for range maxTries {
		if err != nil || known.memory.Effect == nil {
			return nil, err
		}
		row := known.memory.Effect
		known, err = b.keep(ctx, step, known, func(m Memory[E]) (Memory[E], error) {
			after, changed, err := change(*row, b.now().UnixMicro())
			if err == nil && !changed {
				err = errUnchanged
			}
			m.Effect = &after
			return m, err
		})
		if errors.Is(err, errUnchanged) {
			return row, nil
		}
	}
	if err != nil {
		return nil, err
	}
	return nil, fmt.Errorf("changing the row of step %s: others were faster %d times: %w", step, maxTries, store.ErrConflict)
}

// Effect reads the business row that a step has left; nil if it has left none.
func (b *Book[E]) Effect(ctx context.Context, id protocol.SagaID, step int) (*E, error) {
	known, err := b.recall(ctx, protocol.StepKey(id, step))
	return known.memory.Effect, err
}

// Recall reads what is remembered of a step (its <saga_id>.<step>); the zero value
// if it was never heard of.
func (b *Book[E]) Recall(ctx context.Context, step string) (Memory[E], error) {
	known, err := b.recall(ctx, step)
	return known.memory, err
}

// RecallAll reads what is remembered of all steps of a saga, by their keys
// (<saga_id>.<step>).
func (b *Book[E]) RecallAll(ctx context.Context, id protocol.SagaID) (map[string]Memory[E], error) {
	all := make(map[string]Memory[E])
	var broken error
	err := b.bucket.Scan(ctx, b.prefix+id.String()+".*", false, func(f store.Followed) {
		var m Memory[E]
		switch err := json.Unmarshal(f.Value, &m); {
		case f.Deleted:
		case err != nil:
			broken = fmt.Errorf("decoding %s of %s: %w", f.Key, b.name, err)
		default:
			all[f.Key[len(b.prefix):]] = m
		}
	})
	return all, errors.Join(err, broken)
}

// Look calls do when the picture of a guarded book is complete as far as is known.
// Nothing changes it meanwhile.
func (b *Book[E]) Look(ctx context.Context, do func()) error { return b.view.look(ctx, 0, do) }
