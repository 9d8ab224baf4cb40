package audit

import (
	"context"
	"fmt"

	"amends/protocol"

	"github.com/nats-io/nats.go"
)

// RunStock audits the stock alone, whatever sagas there are: that nothing is
// oversold, and that every piece is accounted for (I1). Like Run, it only reads.
func RunStock(ctx context.Context, nc *nats.Conn) (*Report, error) {
	src, err := openSource(ctx, nc)
	if err != nil {
		return nil, fmt.Errorf("opening the buckets to audit: %w", err)
	}
	a := newAuditor(src, Terms{})
	if err := a.readStore(ctx, protocol.BucketInventory, nil); err != nil {
		return nil, err
	}
	if err := a.judgeStock(ctx); err != nil {
		return nil, err
	}
	a.tally.stock(a.shelf)
	return a.tally.finish(), nil
}
