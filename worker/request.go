package worker

import (
	"context"
	"encoding/json"
)

// Request is the endpoint of a message that is no step of a saga, such as a
// question for many rows. do may read, write and ask others until ctx ends; it
// must be safe to repeat as far as its callers repeat it. Its answer becomes JSON.
// Its error should be a *protocol.Error.
func Request[Q Question, A any](subject string, do func(ctx context.Context, q Q) (A, error)) Endpoint {
	return Endpoint{subject: subject, read: func(_ *Service, c *call) (task, error) {
		var q Q
		if err := decode(c.data, &q); err != nil {
			return task{}, err
		}
		return task{run: func(ctx context.Context) ([]byte, error) {
			answer, err := do(ctx, q)
			if err != nil {
				return nil, err
			}
			return json.Marshal(answer)
		}}, nil
	}}
}
