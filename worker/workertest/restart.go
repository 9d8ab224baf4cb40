package workertest

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
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

// ReadyIn is how soon a service must be ready, whatever its store holds: by the
// clock where that is measured on purpose, else by what it worked until then, which
// hardly depends on what else the machine does.
const ReadyIn = 10 * time.Second

// manyRows is the setting that says how many rows a store holds in the tests of a
// restart.
const manyRows = "AMENDS_ROWS"

// Many is how many rows a store holds in the tests of a restart. A million is the
// figure of the documents: AMENDS_ROWS=1000000.
func Many(t testing.TB) int {
	t.Helper()
	n, err := strconv.Atoi(os.Getenv(manyRows))
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

// Reborn is a service after a restart of everything, in a process of its own.
type Reborn struct {
	Conn  *nats.Conn    // of a client
	Ready time.Duration // from its start
	Used  time.Duration // processor time of its process until then
	Heap  int64         // bytes that it holds when it is ready
	Peak  int64         // most bytes of memory that the process had until then; 0 if nobody knows
}

// alone is the setting that makes a test be the process of a service: the URL of
// its server.
const alone = "AMENDS_TEST_ALONE"

// Revive restarts the server, starts the service on it in a process of its own, and
// fails the test unless it is ready in time. The process is this test once more, so
// it has to begin with a call of Alone.
func (n *NATS) Revive(t testing.TB, test string) Reborn {
	t.Helper()
	n.Stop()
	begin := time.Now()
	n.Start(t)
	server := time.Since(begin)
	process := exec.Command(os.Args[0], "-test.run=^"+test+"$")
	process.Env, process.Stderr = append(os.Environ(), alone+"="+n.url), os.Stderr
	life, err := process.StdinPipe()
	must(t, err)
	says, err := process.StdoutPipe()
	must(t, err)
	must(t, process.Start())
	t.Cleanup(func() {
		_ = life.Close() // it ends with this
		if err := process.Wait(); err != nil {
			t.Errorf("the process of the service: %v", err)
		}
	})
	r := Reborn{Conn: n.Connect(t)}
	if _, err := fmt.Fscanf(says, "ready %d %d %d %d\n", &r.Ready, &r.Used, &r.Heap, &r.Peak); err != nil {
		t.Fatalf("the process of the service says nothing that makes sense: %v", err)
	}
	go func() { _, _ = io.Copy(io.Discard, says) }()
	t.Logf("the server is ready in %s, the service in %s, of which it worked %s; it holds %.1f MB, and its process had %.1f MB at most",
		server.Round(time.Millisecond), r.Ready.Round(time.Millisecond), r.Used.Round(time.Millisecond), float64(r.Heap)/1e6, float64(r.Peak)/1e6)
	took := r.Used
	if os.Getenv(manyRows) != "" {
		took = r.Ready // somebody measures, and sees to it that nothing else goes on
	}
	if took > ReadyIn {
		t.Errorf("ready after %s, want %s", took, ReadyIn)
	}
	return r
}

// Alone makes this process that of the service, if Revive has started it for that,
// and tells whether it did: then the test is over.
func Alone(t testing.TB, p Participant) bool {
	t.Helper()
	url := os.Getenv(alone)
	if url == "" {
		return false
	}
	cfg := (&NATS{url: url}).Config(t)
	begin := time.Now()
	Start(t, p, cfg)
	ready := time.Since(begin)
	fmt.Printf("ready %d %d %d %d\n", ready, cpuTime(t), heapInUse(), peak())
	_, _ = io.Copy(io.Discard, os.Stdin) // until Revive has enough of it
	return true
}

// heapInUse is what the process holds on its heap when nothing is left to collect,
// in bytes.
func heapInUse() int64 {
	runtime.GC()
	runtime.GC() // pools are emptied by the second one
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// peak is the most memory that this process ever had, in bytes; 0 where there is no
// /proc.
func peak() (bytes int64) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(status), "VmHWM:")
	_, _ = fmt.Sscan(after, &bytes)
	return bytes << 10
}

// cpuTime is the processor time that this process has used.
func cpuTime(t testing.TB) time.Duration {
	t.Helper()
	var usage syscall.Rusage
	must(t, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
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
