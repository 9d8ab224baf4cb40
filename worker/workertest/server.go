// Package workertest is the kit for testing participants: a real NATS server in
// the process of the test, and Exercise, the suite that every participant passes.
package workertest

import (
	"net"
	"os"
	"testing"
	"time"

	"amends/store"
	"amends/worker"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"
)

// startLimit is how long a server may take to come up.
const startLimit = 10 * time.Second

// NATS is a server with JetStream, on a free port and in a directory of its own,
// for as long as the test runs.
type NATS struct {
	options server.Options
	server  *server.Server
	url     string
}

// Server starts a server and stops it at the end of the test.
func Server(t testing.TB) *NATS {
	t.Helper()
	return start(t, server.Options{})
}

// SyncedServer is Server with a disk that is synced so often; 0 is after every
// write.
func SyncedServer(t testing.TB, every time.Duration) *NATS {
	t.Helper()
	return start(t, server.Options{SyncInterval: every, SyncAlways: every == 0})
}

func start(t testing.TB, options server.Options) *NATS {
	t.Helper()
	options.Host, options.Port, options.JetStream, options.StoreDir = "127.0.0.1", server.RANDOM_PORT, true, t.TempDir()
	options.NoLog, options.NoSigs = true, true
	n := &NATS{options: options}
	n.Start(t)
	t.Cleanup(n.Stop)
	return n
}

// Start starts a server that was stopped, on the same port and directory.
func (n *NATS) Start(t testing.TB) {
	t.Helper()
	options := n.options
	s, err := server.NewServer(&options)
	if err != nil {
		t.Fatalf("starting a NATS server: %v", err)
	}
	s.Start()
	n.server = s
	if !s.ReadyForConnections(startLimit) {
		t.Fatalf("the NATS server did not come up in %s", startLimit)
	}
	if at, ok := s.Addr().(*net.TCPAddr); ok {
		n.options.Port = at.Port
	}
	n.url = s.ClientURL()
}

// Stop ends the server and all connections to it.
func (n *NATS) Stop() {
	n.server.Shutdown()
	n.server.WaitForShutdown()
}

// Forget runs do, and then lets the server lose everything that do wrote, as a
// power cut does when nothing was synced to disk. The server restarts twice.
func (n *NATS) Forget(t testing.TB, do func()) {
	t.Helper()
	backup := t.TempDir()
	n.Stop()
	copyDir(t, backup, n.options.StoreDir)
	n.Start(t)
	do()
	n.Stop()
	if err := os.RemoveAll(n.options.StoreDir); err != nil {
		t.Fatal(err)
	}
	copyDir(t, n.options.StoreDir, backup)
	n.Start(t)
}

func copyDir(t testing.TB, to, from string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

// Connect opens a connection as a participant should have it: it reconnects for
// ever, quickly, and has no reconnect buffer. It is closed with the test.
func (n *NATS) Connect(t testing.TB) *nats.Conn {
	t.Helper()
	nc, err := nats.Connect(n.url, nats.ReconnectBufSize(-1), nats.MaxReconnects(-1),
		nats.ReconnectWait(20*time.Millisecond), nats.ReconnectJitter(0, 0))
	if err != nil {
		t.Fatalf("connecting to the NATS server: %v", err)
	}
	t.Cleanup(nc.Close)
	return nc
}

// Config is a configuration with a connection and a writer of its own, which end
// with the test. Its log goes nowhere.
func (n *NATS) Config(t testing.TB) worker.Config {
	t.Helper()
	return n.ConfigGrouped(t, 0)
}

// ConfigGrouped is Config with a writer that makes batches from so many waiting
// writes on (see store.NewWriter).
func (n *NATS) ConfigGrouped(t testing.TB, from int) worker.Config {
	t.Helper()
	nc := n.Connect(t)
	w, err := store.NewWriter(nc, from)
	if err != nil {
		t.Fatalf("starting a writer: %v", err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return worker.Config{Conn: nc, Writer: w, Log: zerolog.Nop()}
}
