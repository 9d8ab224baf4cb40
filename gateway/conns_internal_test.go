package gateway

import (
	"net"
	"testing"
)

// line is a listener whose connections come from addresses of the test's choice.
type line struct {
	net.Listener
	from chan string
}

type caller struct {
	net.Conn
	from   string
	closed bool
}

func (l *line) Accept() (net.Conn, error) {
	from, more := <-l.from
	if !more {
		return nil, net.ErrClosed
	}
	return &caller{from: from}, nil
}

func (c *caller) RemoteAddr() net.Addr {
	at, _ := net.ResolveTCPAddr("tcp", c.from)
	return at
}

func (c *caller) Close() error {
	c.closed = true
	return nil
}

// One client cannot take all connections; a whole network of IPv6 is one client; and
// a place that is given back, even twice, is one place.
func TestConnectionsAreShared(t *testing.T) {
	l := &line{from: make(chan string, 20)}
	fair := newFairListener(l, 2)
	accept := func(from ...string) net.Conn {
		t.Helper()
		for _, one := range from {
			l.from <- one
		}
		conn, err := fair.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if got := conn.RemoteAddr().String(); got != from[len(from)-1] {
			t.Errorf("accepted %s, want %s", got, from[len(from)-1])
		}
		return conn
	}
	first := accept("192.0.2.1:1000")
	accept("192.0.2.1:1001")
	accept("192.0.2.1:1002", "192.0.2.1:1003", "192.0.2.2:1000") // two too many, and somebody else
	_ = first.Close()
	_ = first.Close()
	accept("192.0.2.1:1004")
	accept("192.0.2.1:1005", "[2001:db8::1]:1000")
	accept("[2001:db8::2]:1000")
	accept("[2001:db8::3]:1000", "[2001:db8:0:1::1]:1000")
	for n := range 5 {
		accept([]string{"127.0.0.1:1", "127.0.0.1:2", "[::1]:3", "[::1]:4", "[::1]:5"}[n])
	}
	close(l.from)
	if _, err := fair.Accept(); err == nil {
		t.Error("a closed listener accepts")
	}
}
