package audit

import (
	"context"
	"fmt"
	"strings"

	"amends/protocol"
)

// checkStreams holds the streams themselves to what they are for.
func (a *auditor) checkStreams(ctx context.Context) error {
	if err := a.checkOutlet(ctx); err != nil {
		return err
	}
	return a.checkSingle(ctx)
}

// checkOutlet finds out whether all that was told is lost (I8).
func (a *auditor) checkOutlet(ctx context.Context) error {
	if a.src.orders.exists || !a.src.sagas.exists {
		return nil
	}
	if told, err := a.src.told(ctx); err != nil || told == nil || told.Delivered.Stream == 0 {
		return err
	}
	a.found(Finding{
		Invariant: I8, What: "what was told of orders is lost: the stream is gone, although its consumer has worked",
		Evidence: "no stream " + protocol.StreamOrders + ", but a consumer " + protocol.ConsumerOrders + " of " + a.src.sagas.name,
	})
	return nil
}

// checkSingle finds sagas of which a stream holds more than one message, where one
// is all there may be (I9).
func (a *auditor) checkSingle(ctx context.Context) error {
	for _, st := range []*stream{a.src.sagas, a.src.inbox} {
		if st.exists && st.subjects >= st.count {
			continue
		}
		keys, err := st.keys(ctx, a.src.js, allKeys(st))
		if err != nil {
			return err
		}
		for subject, n := range keys {
			if n > 1 {
				id := subject[strings.LastIndexByte(subject, '.')+1:]
				a.found(Finding{
					Invariant: I9, SagaID: id, What: fmt.Sprintf("there are %d messages of the saga where one is all there may be: two writers", n),
					Evidence: fmt.Sprintf("stream %s, subject %s", st.name, subject),
				})
			}
		}
	}
	return nil
}

// allKeys is the pattern of all keys of a stream that has one per saga.
func allKeys(st *stream) string {
	if st.prefix == "" {
		return protocol.InboxSubjects
	}
	return "*"
}
