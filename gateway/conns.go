package gateway

import (
	"net"
	"net/netip"
	"sync"
)

// fairListener leaves connections for others: whoever has as many as one client may
// have gets no more. Clients on this machine are not counted, since a proxy is one.
type fairListener struct {
	net.Listener
	most int

	mu   sync.Mutex
	open map[netip.Prefix]int
}

func newFairListener(l net.Listener, most int) *fairListener {
	return &fairListener{Listener: l, most: max(1, most), open: make(map[netip.Prefix]int)}
}

// Accept returns the next connection of a client that may have one more.
func (l *fairListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		who, remote := clientAt(conn.RemoteAddr().String())
		switch {
		case !remote:
			return conn, nil
		case l.take(who):
			return &fairConn{Conn: conn, close: sync.OnceFunc(func() { l.give(who) })}, nil
		}
		_ = conn.Close() // who has too many is told nothing
	}
}

func (l *fairListener) take(who netip.Prefix) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[who] >= l.most {
		return false
	}
	l.open[who]++
	return true
}

func (l *fairListener) give(who netip.Prefix) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[who]--; l.open[who] == 0 {
		delete(l.open, who)
	}
}

// fairConn gives its place back once.
type fairConn struct {
	net.Conn
	close func()
}

// Close closes the connection.
func (c *fairConn) Close() error {
	c.close()
	return c.Conn.Close()
}
