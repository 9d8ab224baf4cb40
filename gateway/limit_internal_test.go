package gateway

import (
	"net/netip"
	"testing"
	"time"
)

// The table of clients is bounded, and whoever was quiet for longest leaves it.
func TestTheTableOfClientsIsBounded(t *testing.T) {
	const most = 100
	l, now := newLimiter(0.01, 1, most), time.Now()
	who := func(n int) netip.Prefix {
		return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)}), 32)
	}
	for n := range most {
		if l.take(who(n), now) != 0 {
			t.Fatalf("client %d waits at its first request", n)
		}
	}
	if l.take(who(0), now) == 0 || l.take(who(most-1), now) == 0 {
		t.Error("a client that was seen is forgotten")
	}
	l.take(who(most), now) // pushes client 1 out: 0 was seen again
	if l.take(who(0), now) == 0 || l.take(who(1), now) != 0 {
		t.Error("not the quietest client is forgotten")
	}
	if len(l.clients) != most || l.recent.Len() != most {
		t.Errorf("the table holds %d and %d clients", len(l.clients), l.recent.Len())
	}
}

// A client that is held back is not held back for longer by asking on.
func TestARefusedRequestCostsNothing(t *testing.T) {
	l, now := newLimiter(1, 1, 10), time.Now()
	who := netip.MustParsePrefix("192.0.2.1/32")
	l.take(who, now)
	for range 100 {
		if wait := l.take(who, now); wait != time.Second {
			t.Fatalf("it has to wait %s", wait)
		}
	}
	if wait := l.take(who, now.Add(time.Second)); wait != 0 {
		t.Errorf("after its time it has to wait %s", wait)
	}
}
