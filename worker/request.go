package worker

import (
	"context"
	"encoding/json"
	"time"
)

// Serve is the endpoint of a request that is no step of a saga, such as adding
// to a cart. handle may read, write and ask others, until ctx ends; it must be
// safe to repeat as far as its callers repeat it. Its answer becomes JSON. Its
// error should be a *protocol.Error.
func Serve[Q Question, A any](subject string, handle func(ctx context.Context, q Q) (A, error)) Endpoint {
	return Endpoint{subject: subject, read: func(_ *Service, c *call) (task, error) {
		var q Q
		if err := decode(c.data, &q); err != nil {
			return task{}, err
		}
		return task{run: func(ctx context.Context) ([]byte, error) {
			answer, err := handle(ctx, q)
			if err != nil {
				return nil, err
			}
			return json.Marshal(answer)
		}}, nil
	}}
}

// Patient returns the endpoint for messages that wait for something: up to limit
// of them at once, beside those in work elsewhere, and each for up to timeout.
// When the service stops, their ctx ends at once.
func (e Endpoint) Patient(limit int, timeout time.Duration) Endpoint {
	e.limit, e.timeout = limit, timeout
	return e
}
