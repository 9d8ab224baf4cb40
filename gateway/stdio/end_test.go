package stdio_test

import (
	"bufio"
	"encoding/json"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"amends/protocol"

	"github.com/nats-io/nats.go"
)

// The input ends while a checkout runs, or the process is told to stop: the
// checkout comes to its end all the same, its client is told, and the exit code is
// 0.
func TestTheEndDrains(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*node){
		"end of input": func(n *node) { n.closeInput() },
		"SIGTERM":      func(n *node) { n.signal(syscall.SIGTERM) },
		"SIGINT":       func(n *node) { n.signal(syscall.SIGINT) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := start(t)
			n.write(join(document(t, "failure.in")...))
			n.await("ReserveInventory")
			end(n)
			n.await("checkout_failed")
			if r := n.end(); r.code != 0 {
				t.Errorf("exit code %d: %s", r.code, strings.Join(r.stderr, "\n"))
			}
		})
	}
}

// What has not ended in the time to drain is named, and the exit code says it.
func TestWhatDoesNotEndIsNamed(t *testing.T) {
	t.Parallel()
	r := speak(t, join(document(t, "success.in")...), "--external-services", "--drain", "200ms")
	if told := strings.Join(r.stderr, "\n"); r.code != 6 || !strings.Contains(told, "1 sagas have not ended: checkout42") {
		t.Errorf("exit code %d: %s", r.code, told)
	}
}

// A command in flight that nobody will answer does not hold the end up: an attempt
// would be awaited for two seconds.
func TestTheEndDoesNotWaitForServicesThatAreSilent(t *testing.T) {
	t.Parallel()
	n := start(t, "--external-services", "--drain", "0s")
	n.write(join(document(t, "success.in")...))
	n.await("ReserveInventory")
	n.closeInput()
	begin := time.Now()
	r := n.end()
	if took := time.Since(begin); r.code != 6 || took > 1500*time.Millisecond {
		t.Errorf("exit code %d after %v", r.code, took)
	}
}

// Whoever reads the lines goes away: the session ends, and leaves nothing behind.
func TestTheReaderGoesAway(t *testing.T) {
	t.Parallel()
	n := start(t)
	n.write(join(document(t, "success.in")...))
	n.await("init_ok")
	n.abandon()
	for range 200 {
		if _, err := io.WriteString(n.stdin, `{"type":"init"}`+"\n"); err != nil {
			break
		}
	}
	if r := n.end(); r.code != 1 {
		t.Errorf("exit code %d: %s", r.code, strings.Join(r.stderr, "\n"))
	}
}

// With --nats the system is elsewhere. S0-24: a declined checkout leaves the stock
// as it was.
func TestASystemElsewhere(t *testing.T) {
	t.Parallel()
	url := serve(t)
	before := stock(t, url)
	r := speak(t, join(document(t, "failure.in")...), "--nats", url)
	same(t, r.stdout, document(t, "failure.out"))
	if after := stock(t, url); after != before {
		t.Errorf("stock was %+v and is %+v", before, after)
	}
	r = speak(t, join(document(t, "execute.in")...), "--nats", url)
	if told := strings.Join(r.stdout, "\n"); !strings.Contains(told, `"code": "definition_unknown"`) || r.code != 0 {
		t.Errorf("exit code %d: %s", r.code, told)
	}
}

func TestNoSystemElsewhere(t *testing.T) {
	t.Parallel()
	if r := speak(t, "", "--nats", "nats://127.0.0.1:1"); r.code != 9 {
		t.Errorf("exit code %d: %s", r.code, strings.Join(r.stderr, "\n"))
	}
}

func TestFlagsThatDoNotGoTogether(t *testing.T) {
	t.Parallel()
	if r := speak(t, "", "--external-services", "--stdout=init-only"); r.code != 2 {
		t.Errorf("exit code %d: %s", r.code, strings.Join(r.stderr, "\n"))
	}
}

// serve starts a system in a process of its own.
func serve(t *testing.T) (url string) {
	t.Helper()
	cmd := exec.Command(binary, "serve", "--nats-listen", "127.0.0.1:0", "--data", t.TempDir()+"/nats", "--durability", "interval", "--http-listen", "none", "--log-format", "json")
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for scan := bufio.NewScanner(log); scan.Scan(); {
		var line struct{ Message, NATS string }
		if json.Unmarshal(scan.Bytes(), &line) == nil && line.Message == "ready" {
			go func() { _, _ = io.Copy(io.Discard, log) }()
			return line.NATS
		}
	}
	t.Fatal("the system did not start")
	return ""
}

// stock is how much there is of the goods of the samples.
func stock(t *testing.T, url string) (level struct{ Reserved, Available int64 }) {
	t.Helper()
	nc, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	m, err := nc.Request(protocol.SubjectStock, []byte(`{"sku":"abc123"}`), tolerated)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(m.Data, &level); err != nil || level.Available == 0 {
		t.Fatalf("%s %v", m.Data, err)
	}
	return level
}
