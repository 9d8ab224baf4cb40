package audit

import (
	"context"
	"fmt"
	"time"

	"amends/protocol"

	"github.com/nats-io/nats.go"
)

// RunStock audits the stock alone, whatever sagas there are: that nothing is
// oversold, and that every piece is accounted for (I3). Like Run, it only reads.
func RunStock(ctx context.Context, nc *nats.Conn) (*Report, error) {
	src, err := openSource(ctx, nc)
	if err != nil {
		return nil, fmt.Errorf("opening the buckets to audit: %w", err)
	}
	defer func() { _ = src.close() }() // nothing was written
	a := &auditor{src: src, tally: newTally(time.Now()), held: held{}, shelf: shelf{}, doubts: map[string]bool{}}
	if err := a.readStore(ctx, protocol.BucketInventory); err != nil {
		return nil, err
	}
	a.held = nil
	if err := a.judgeStock(ctx); err != nil {
		return nil, err
	}
	a.tally.stock(a.shelf)
	return a.tally.finish(), nil
}
