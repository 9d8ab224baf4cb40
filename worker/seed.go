package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"amends/store"
)

// Row is one business value of a bucket, beside the memories of its book.
type Row struct {
	Key   string
	Value any // becomes JSON
}

// Seed writes those rows into a bucket whose keys have no value there yet, and
// never over an existing one. It returns how many it wrote. The bucket is
// created if there is none; unlike Start, Seed does not wait for JetStream.
func Seed(ctx context.Context, cfg Config, bucket string, rows []Row) (written int, err error) {
	if err := cfg.validate(); err != nil {
		return 0, fmt.Errorf("seeding %s: %w", bucket, err)
	}
	b, err := store.Open(ctx, cfg.Writer, store.Config{Name: bucket, Replicas: cfg.Replicas})
	if err != nil {
		return 0, fmt.Errorf("seeding %s: %w", bucket, err)
	}
	for _, row := range rows {
		value, err := json.Marshal(row.Value)
		if err != nil {
			return written, fmt.Errorf("encoding %s of %s: %w", row.Key, bucket, err)
		}
		_, err = b.Put(ctx, store.Write{Key: row.Key, Value: value})
		switch {
		case err == nil:
			written++
		case !errors.Is(err, store.ErrConflict):
			return written, fmt.Errorf("seeding %s of %s: %w", row.Key, bucket, err)
		}
	}
	return written, nil
}
