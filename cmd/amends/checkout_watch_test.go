package main

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"amends/embedded"
	"amends/protocol"
)

// following is a watch of a checkout that goes on until a test stops it.
type following struct {
	*testing.T
	stdout, stderr *bufio.Scanner
	stop           context.CancelFunc
	ended          chan error
}

// watch begins a watch. What it prints comes through pipes.
func watch(t *testing.T, command *watchCommand) *following {
	t.Helper()
	toErr, err := intoPipe(t, &os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	before := stdout
	t.Cleanup(func() { stdout = before })
	to := os.Stdout
	toOut, err := intoPipe(t, &to)
	if err != nil {
		t.Fatal(err)
	}
	stdout = &output{to: to}
	command.NATS, command.Timeout = os.Getenv("NATS_URL"), patience
	ctx, stop := context.WithCancel(t.Context())
	w := &following{t, toOut, toErr, stop, make(chan error, 1)}
	go func() { w.ended <- command.Run(ctx) }()
	return w
}

// intoPipe has a file be the end of a pipe until the test ends, and reads the other
// end.
func intoPipe(t *testing.T, file **os.File) (*bufio.Scanner, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	before := *file
	*file = write
	t.Cleanup(func() {
		*file = before
		_ = write.Close()
		_ = read.Close()
	})
	return bufio.NewScanner(read), read.SetReadDeadline(time.Now().Add(patience))
}

// ends ends the watch as Ctrl-C does.
func (w *following) ends(code exitCode) {
	w.Helper()
	w.stop()
	if err := <-w.ended; codeOf(err) != code {
		w.Errorf("the watch ends with %d, %v; want %d", codeOf(err), err, code)
	}
}

// next is the next line of a stream.
func (w *following) next(lines *bufio.Scanner, want string) string {
	w.Helper()
	if !lines.Scan() || !strings.Contains(lines.Text(), want) {
		w.Fatalf("printed %q, %v; want %q", lines.Text(), lines.Err(), want)
	}
	return lines.Text()
}

// Nobody may take an interrupted watch for a checkout that has completed.
func TestAnInterruptedWatchIsSix(t *testing.T) {
	b := withBank(t)
	b.begin("c1")
	w := watch(t, &watchCommand{SagaID: "c1"})
	w.next(w.stdout, "c1                      PENDING       waiting for the result of TakeMoney from bank, until 2")
	w.ends(exitRunning)
}

func TestAWatchOfAllEndsWithZero(t *testing.T) {
	b := withBank(t)
	w := watch(t, &watchCommand{})
	w.first(b)
	w.ends(exitOK)
}

// first starts checkouts until the watch has seen a transition. All of them are
// told in the words of a status.
func (w *following) first(b *bank) {
	w.Helper()
	seen := make(chan string, 1)
	go func() {
		if w.stdout.Scan() {
			seen <- w.stdout.Text()
		}
	}()
	for _, id := range []string{"c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8"} {
		if _, err := b.nc.Request(protocol.SubjectStart, []byte(`{"saga_id":"`+id+`","definition":"bank","user_id":"u42",`+
			`"items":[{"sku":"abc123","quantity":1}],"shipping_address":"123 Main St","wait_ms":0}`), patience); err != nil {
			w.Fatal(err)
		}
		b.waits(id)
		select {
		case line := <-seen:
			if !strings.Contains(line, "PENDING") {
				w.Errorf("told as %q", line)
			}
			return
		default:
		}
	}
	w.Fatal("no transition is told")
}

// Who has mistyped an id is told, and who is early is not sent away.
func TestAWatchWaitsForACheckout(t *testing.T) {
	system(t)
	w := watch(t, &watchCommand{SagaID: "nope"})
	w.next(w.stderr, "no such checkout yet; waiting for it")
	w.ends(exitRunning)
}

func TestAWatchWithoutAnOrchestratorIsNine(t *testing.T) {
	system(t, embedded.Inventory)
	if _, code := amends(t, "checkout", "watch", "c1"); code != int(exitNoNATS) {
		t.Errorf("exit code %d", code)
	}
}

// A program that watches needs no second question to know where it begins.
func TestAWatchAsJSONBeginsWithTheStatus(t *testing.T) {
	b := withBank(t)
	b.begin("c1")
	w := watch(t, &watchCommand{clientFlags: clientFlags{JSON: true}, SagaID: "c1"})
	var status protocol.Status
	if err := json.Unmarshal([]byte(w.next(w.stdout, "checkout_status")), &status); err != nil || status.Status != protocol.StatusPending {
		t.Errorf("it begins with %+v, %v", status, err)
	}
	w.ends(exitRunning)
}

// What is over is not announced, and a try is not told as the end of a wait.
func TestWhatLiesAhead(t *testing.T) {
	in := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(time.RFC3339Nano) }
	past, soon, later := in(-time.Second), in(time.Hour), in(2*time.Hour)
	for name, c := range map[string]struct {
		steps []protocol.StepStatus
		want  [2]string
	}{
		"nothing":  {[]protocol.StepStatus{{}}, [2]string{}},
		"over":     {[]protocol.StepStatus{{Status: protocol.StepWaiting, NextAttemptAt: past}}, [2]string{}},
		"a result": {[]protocol.StepStatus{{Status: protocol.StepWaiting, NextAttemptAt: soon}}, [2]string{"until", soon}},
		"a try":    {[]protocol.StepStatus{{Status: protocol.StepRunning, NextAttemptAt: soon}}, [2]string{"next try", soon}},
		"the first": {[]protocol.StepStatus{
			{Status: protocol.StepRunning, NextAttemptAt: past}, {Status: protocol.StepWaiting, NextAttemptAt: later},
			{Status: protocol.StepRunning, NextAttemptAt: soon},
		}, [2]string{"next try", soon}},
	} {
		if got := ahead(c.steps...); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
