package order

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"amends/protocol"
	"amends/store"

	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"
)

// A role that dies at any moment leaves nothing behind that the next one cannot
// make good: nothing is missing, and nothing is there twice.

// scissors cut the connection of a role for ever at one of its writes: before the
// server has it, or after.
type scissors struct {
	after bool

	mu   sync.Mutex
	left int // writes
	cut  bool
	done chan struct{}
}

var errCut = errors.New("the process is dead")

// Dial connects, as long as the process lives (nats.CustomDialer).
func (s *scissors) Dial(network, address string) (net.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cut {
		return nil, errCut
	}
	conn, err := net.Dial(network, address)
	if err != nil {
		return nil, err
	}
	return &doomed{Conn: conn, scissors: s}, nil
}

type doomed struct {
	net.Conn
	scissors *scissors
}

func (d *doomed) Write(p []byte) (int, error) {
	s := d.scissors
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cut {
		return 0, errCut
	}
	if s.left--; s.left > 0 {
		return d.Conn.Write(p)
	}
	s.cut = true
	if s.after {
		_, _ = d.Conn.Write(p)
	}
	_ = d.Conn.Close()
	close(s.done)
	return 0, errCut
}

func TestARoleMayDieAtEveryWrite(t *testing.T) {
	s, random := newShop(t), dice(t)
	step := 1
	if testing.Short() {
		step = 9
	}
	write := 1
	for ; ; write += step {
		before := s.dieAt(random, write, false)
		after := s.dieAt(random, write, true)
		if !before && !after {
			break
		}
	}
	t.Logf("died before and after each of %d writes, or one in %d of them", write-1, step)
	if write <= 8 {
		t.Error("a role lived on that should have died")
	}
	s.service()
	s.caughtUp(protocol.ConsumerOrders)
	s.isTold()
}

// dieAt lets a role die at its n-th write, while sagas move on. It returns false if
// the role had nothing more to do before that.
func (s *shop) dieAt(random *rand.Rand, n int, after bool) (died bool) {
	s.Helper()
	knife := &scissors{left: n, after: after, done: make(chan struct{})}
	ctx, cancel := context.WithCancel(s.Context())
	defer cancel()
	go func() {
		select {
		case <-knife.done:
			cancel()
		case <-ctx.Done():
		}
	}()
	nc, err := nats.Connect(s.nc.ConnectedUrl(), nats.SetCustomDialer(knife), nats.ReconnectBufSize(-1),
		nats.MaxReconnects(-1), nats.ReconnectWait(time.Millisecond), nats.ReconnectJitter(0, 0),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	if err != nil {
		return true
	}
	svc := s.build(nc)
	started := svc.Start(ctx) == nil
	for k := range 2 {
		l := live(random, fmt.Sprint("saga", n, "-", after, "-", k))
		for l.grow(random) && len(l.events) < 20 {
			s.write(l)
		}
	}
	if started {
		s.eventually("the role dies, or has nothing to do", func() bool { return ctx.Err() != nil || s.hasHandled(protocol.ConsumerOrders, 1) })
	}
	died = ctx.Err() != nil
	nc.Close()
	svc.cancel()
	svc.tasks.Wait()
	return died
}

// roleEnv makes this test binary a role on the NATS of that URL.
const roleEnv = "AMENDS_ORDER_ROLE"

func TestMain(m *testing.M) {
	if url := os.Getenv(roleEnv); url != "" {
		runRole(url)
	}
	os.Exit(m.Run())
}

// runRole is the process that is killed.
func runRole(url string) {
	nc, err := nats.Connect(url, nats.ReconnectBufSize(-1), nats.MaxReconnects(-1))
	if err != nil {
		panic(err)
	}
	w, err := store.NewWriter(nc, 0)
	if err != nil {
		panic(err)
	}
	svc, err := New(Config{Conn: nc, Writer: w, Log: zerolog.Nop()})
	if err != nil {
		panic(err)
	}
	svc.pace.ackWait = 300 * time.Millisecond
	if err := svc.Start(context.Background()); err != nil {
		panic(err)
	}
	fmt.Println("ready")
	select {}
}

// Real processes, real kills (kill -9), two replicas, orders under way.
func TestKilledProcesses(t *testing.T) {
	if testing.Short() {
		t.Skip("kills processes for some seconds")
	}
	s, random := newShop(t), dice(t)
	kills := 0
	for round := range 20 {
		a, b := s.spawn(), s.spawn()
		for n := range 15 {
			l := live(random, fmt.Sprint("saga", round, "-", n))
			for l.grow(random) && len(l.events) < 20 {
				s.write(l)
			}
		}
		<-time.After(time.Duration(random.Int64N(int64(60 * time.Millisecond)))) // a random moment
		for _, role := range []*exec.Cmd{a, b} {
			s.must(role.Process.Kill())
			_ = role.Wait()
			kills++
		}
	}
	t.Logf("killed %d processes", kills)
	s.service()
	s.caughtUp(protocol.ConsumerOrders)
	s.isTold()
}

// spawn starts a role as a process of its own and waits until it is ready.
func (s *shop) spawn() *exec.Cmd {
	s.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), roleEnv+"="+s.nc.ConnectedUrl())
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	s.must(err)
	s.must(cmd.Start())
	s.Cleanup(func() { _ = cmd.Process.Kill() })
	if _, err := out.Read(make([]byte, 16)); err != nil {
		s.Fatalf("the role did not become ready: %v", err)
	}
	return cmd
}
