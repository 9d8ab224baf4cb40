package audit

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// TestIsBehind: what is told of a record may only be missing as long as somebody
// may be about to tell it. One record that can never be told does not excuse what
// was lost of all that came after it (I8).
func TestIsBehind(t *testing.T) {
	at := func(delivered, acked, pending uint64, inHands int) *jetstream.ConsumerInfo {
		return &jetstream.ConsumerInfo{
			Delivered: jetstream.SequenceInfo{Stream: delivered}, AckFloor: jetstream.SequenceInfo{Stream: acked},
			NumPending: pending, NumAckPending: inHands,
		}
	}
	const young, old = time.Second, time.Hour
	for name, c := range map[string]struct {
		told *jetstream.ConsumerInfo
		age  time.Duration
		want bool
	}{
		"all is told":                            {at(9, 9, 0, 0), young, false},
		"this one is told":                       {at(9, 9, 3, 1), young, false},
		"in somebody's hands":                    {at(9, 4, 0, 1), young, true},
		"behind one that is given back for ever": {at(9, 4, 0, 1), old, false},
		"not delivered, however old":             {at(6, 6, 3, 0), old, true},
		"just stored, and not known yet":         {at(6, 6, 0, 0), young, true},
		"stored before it began":                 {at(0, 0, 0, 0), old, false},
		"nobody has begun":                       {nil, young, true},
		"nobody tells":                           {nil, old, false},
	} {
		if got := isBehind(c.told, 7, c.age); got != c.want {
			t.Errorf("%s: behind %v, want %v", name, got, c.want)
		}
	}
}

// TestOrderOfEvents: what is told in another order has the same sum, and is looked
// at nevertheless; what stands under another order has another sum (I8).
func TestOrderOfEvents(t *testing.T) {
	made, paid := told{1, "OrderCreated"}, told{3, "OrderPaidEvent"}
	var expected chorus
	for _, event := range []told{made, paid} {
		expected.sum += printOfEvent(event)
		expected.count++
	}
	for name, c := range map[string]struct {
		orders [2]string
		events [2]told
		want   bool
	}{
		"as it happened":         {[2]string{"o1", "o1"}, [2]told{made, paid}, false},
		"the other way round":    {[2]string{"o1", "o1"}, [2]told{paid, made}, true},
		"one of another order":   {[2]string{"o1", "o2"}, [2]told{made, paid}, true},
		"too many to keep order": {[2]string{"o1", "o1"}, [2]told{made, {latestMost, "OrderPaidEvent"}}, true},
	} {
		var e entry
		e.see(sagasStream, 7, time.Unix(9, 0))
		e.mark(recorded)
		e.told -= expected.of("o1")
		for i, event := range c.events {
			e.hear(c.orders[i], event)
			e.see(ordersStream, uint64(i+1), time.Unix(9, 0))
		}
		if e.is(counted) || e.is(loose) {
			t.Errorf("%s: marked as nobody has marked it", name)
		}
		if e.disagrees() != c.want || e.stream() != sagasStream || e.message() != 7 {
			t.Errorf("%s: looked at %v, want %v; message %d of stream %d", name, e.disagrees(), c.want, e.message(), e.stream())
		}
	}
}
