package workertest

import (
	"encoding/json"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"amends/protocol"
	"amends/worker"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// ReadyIn is how soon a service must be ready, whatever its store holds.
const ReadyIn = 10 * time.Second

// Many is how many rows a store holds in the tests of a restart. A million is the
// figure of the documents: AMENDS_ROWS=1000000.
func Many(t testing.TB) int {
	t.Helper()
	n, err := strconv.Atoi(os.Getenv("AMENDS_ROWS"))
	if err != nil || n < 1 {
		n = 30_000
	}
	if testing.Short() {
		n = min(n, 15_000)
	}
	return n
}

// Fill stores values in a bucket that is there already, as a service stores them:
// row says which, from 0 on.
func Fill(t testing.TB, n *NATS, bucket string, total int, row func(i int) (key string, value []byte, header nats.Header)) {
	t.Helper()
	js, err := jetstream.New(n.Connect(t), jetstream.WithPublishAsyncMaxPending(1000))
	if err != nil {
		t.Fatal(err)
	}
	for i := range total {
		key, value, header := row(i)
		m := &nats.Msg{Subject: protocol.BucketSubject(bucket, key), Data: value, Header: header}
		if _, err := js.PublishMsgAsync(m, jetstream.WithStallWait(patience)); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case <-js.PublishAsyncComplete():
	case <-time.After(10 * patience):
		t.Fatal("the rows could not be stored")
	}
}

// Reborn is a service after a restart of everything.
type Reborn struct {
	Conn  *nats.Conn    // of a client
	Ready time.Duration // from its start
	Heap  int64         // bytes that are in use more than before, in the process
}

// Revive restarts the server, starts the service on it, and fails the test unless
// it is ready in time.
func (n *NATS) Revive(t testing.TB, p Participant) Reborn {
	t.Helper()
	n.Stop()
	begin := time.Now()
	n.Start(t)
	server := time.Since(begin)
	cfg := n.Config(t)
	heap, used := HeapInUse(), cpuTime(t)
	begin = time.Now()
	Start(t, p, cfg)
	r := Reborn{Conn: n.Connect(t), Ready: time.Since(begin)}
	used = cpuTime(t) - used
	r.Heap = HeapInUse() - heap
	t.Logf("the server is ready in %s, the service in %s, for which both used %s of the processors; it holds %.1f MB",
		server.Round(time.Millisecond), r.Ready.Round(time.Millisecond), used.Round(time.Millisecond), float64(r.Heap)/1e6)
	if r.Ready > ReadyIn {
		t.Errorf("ready after %s, want %s", r.Ready, ReadyIn)
	}
	return r
}

// HeapInUse is what the process holds on its heap when nothing is left to collect,
// in bytes: the server in it included.
func HeapInUse() int64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// cpuTime is the processor time that this process has used.
func cpuTime(t testing.TB) time.Duration {
	t.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// Stored is the record of a step that was accepted with a reply of these fields,
// and has left a row.
func Stored[E any](t testing.TB, cmd worker.Command, row E, ok any) []byte {
	t.Helper()
	head := cmd.Header()
	reply, err := protocol.EncodeReply(head.Reply(protocol.SuffixOK), ok)
	if err != nil {
		t.Fatal(err)
	}
	value, err := json.Marshal(worker.Memory[E]{
		SagaID: head.SagaID, Step: head.Step, Effect: &row,
		Fence: worker.Fence{Action: &worker.Verdict{Hash: strings.Repeat("0123456789abcdef", 2), Accepted: true, At: Now, Reply: reply}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return value
}
