package audit

import (
	"context"
	"fmt"
	"strings"
	"time"

	"amends/protocol"
)

// checkStreams holds the streams themselves to what they are for.
func (a *auditor) checkStreams(ctx context.Context) error {
	if err := a.checkOutlet(ctx); err != nil {
		return err
	}
	return a.checkSingle(ctx)
}

// checkOutlet finds out whether all that was told is lost, or nobody knows any
// more what is told and what is not (I8).
func (a *auditor) checkOutlet(ctx context.Context) error {
	if !a.src.sagas.exists {
		return nil
	}
	told, err := a.src.told(ctx)
	if err != nil {
		return err
	}
	if told != nil {
		a.handedOut, a.handed = told.Delivered.Stream, time.Now()
	}
	orders, consumer := protocol.StreamOrders, protocol.ConsumerOrders+" of "+a.src.sagas.name
	switch {
	case !a.src.orders.exists && told != nil && told.Delivered.Stream != 0:
		a.found(Finding{
			Invariant: I8, What: "what was told of orders is lost: the stream is gone, although its consumer has worked",
			Evidence: "no stream " + orders + ", but a consumer " + consumer,
		})
	case a.src.orders.count > 0 && told == nil:
		a.found(Finding{
			Invariant: I8, What: "nobody tells of orders any more: the consumer is gone, although it has worked",
			Evidence: "no consumer " + consumer + ", but a stream " + orders,
		})
	case a.src.orders.exists && told == nil && a.src.sagas.count > 0:
		a.tally.note("nobody tells of orders: there is no consumer " + consumer)
	case told != nil && told.NumAckPending > 0 && told.NumRedelivered > 0:
		a.tally.note(fmt.Sprintf("consumer %s got %d records more than once and is not done with them: if this stays, the log of the service order says why", consumer, told.NumRedelivered))
	}
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
