package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"amends/audit"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
)

// watched is `amends audit --watch` that runs.
type watched struct {
	*testing.T
	lines *bufio.Scanner
	stop  context.CancelFunc
	ended chan error
	url   string // of the metrics
}

// watchAudit begins to watch the system of NATS_URL.
func watchAudit(t *testing.T) *watched {
	t.Helper()
	nc, err := nats.Connect(os.Getenv("NATS_URL"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	ctx, stop := context.WithCancel(t.Context())
	read, write := io.Pipe()
	logRead, logWrite := io.Pipe()
	w := &watched{T: t, lines: bufio.NewScanner(read), stop: stop, ended: make(chan error, 1)}
	w.lines.Buffer(nil, 1<<20)
	c := auditCommand{JSON: true, Watch: true, Every: 5 * time.Millisecond, Full: time.Hour, MetricsListen: "127.0.0.1:0"}
	go func() { w.ended <- c.watchAndPrint(ctx, nc, write, zerolog.New(logWrite)) }()
	log := bufio.NewScanner(logRead)
	if !log.Scan() {
		t.Fatal("nothing is logged")
	}
	w.url = regexp.MustCompile(`http://[^"]+`).FindString(log.Text())
	go func() { _, _ = io.Copy(io.Discard, logRead) }()
	t.Cleanup(func() { stop(); _ = read.Close() })
	return w
}

// next is the next line that is printed.
func (w *watched) next() (line told) {
	w.Helper()
	if !w.lines.Scan() {
		w.Fatal("nothing is printed")
	}
	if err := json.Unmarshal(w.lines.Bytes(), &line); err != nil {
		w.Fatalf("%v: %s", err, w.lines.Text())
	}
	return line
}

// metrics reads what is exported, until a line is there.
func (w *watched) metrics(line string) {
	w.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		response, err := http.Get(w.url)
		if err != nil {
			w.Fatal(err)
		}
		text, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err == nil && strings.Contains(string(text), line+"\n") {
			return
		}
		select {
		case <-tick.C:
		case <-w.Context().Done():
			w.Fatalf("%s is not exported:\n%s", line, text)
		}
	}
}

// A watch tells what appears and what goes, once, exports it, and ends with 10 when
// it is stopped and something was found.
func TestAuditWatch(t *testing.T) {
	f := newForger(t, soundStore(t))
	w := watchAudit(t)
	if line := w.next(); line.Event != "report" || line.Report.Sagas.Total != 6 || !line.Report.OK() {
		t.Fatalf("the first line is %+v", line)
	}
	w.metrics(`amends_audit_violations{invariant="I2"} 0`)
	w.metrics(`amends_audit_rounds_total{kind="full"} 1`)
	w.metrics(`amends_audit_stuck_sagas 1`)

	f.copy("PAYMENTS", "done.2", "done.7", func(row object) { row["step"] = 7 })
	if line := w.next(); line.Event != "appeared" || line.Finding.Invariant != audit.I2 || line.Finding.SagaID != "done" {
		t.Errorf("printed %+v", line)
	}
	w.metrics(`amends_audit_violations{invariant="I2"} 1`)
	w.metrics(`amends_audit_findings_total{invariant="I2"} 1`)

	f.put("PAYMENTS", "done.7", nil, nats.Header{"KV-Operation": {"DEL"}})
	if line := w.next(); line.Event != "gone" || line.Finding.Invariant != audit.I2 || line.Finding.SagaID != "done" {
		t.Errorf("printed %+v", line)
	}
	w.metrics(`amends_audit_violations{invariant="I2"} 0`)
	w.metrics(`amends_audit_findings_total{invariant="I2"} 1`)
	w.stop()
	if code := codeOf(<-w.ended); code != exitViolation {
		t.Errorf("exit code %d", code)
	}
}

// A watch that found nothing ends with 0 when it is stopped.
func TestAuditWatchOfASoundSystem(t *testing.T) {
	newForger(t, soundStore(t))
	w := watchAudit(t)
	w.next()
	w.metrics(`amends_audit_violations{invariant="I12"} 0`)
	w.stop()
	if err := <-w.ended; err != nil {
		t.Errorf("ends with %v", err)
	}
}

// Whoever cannot audit is told why, and what to do.
func TestAuditsThatCannotBeMade(t *testing.T) {
	f := newForger(t, t.TempDir())
	check := func(name string, code exitCode, out string, args ...string) {
		t.Run(name, func(t *testing.T) {
			got, exit := amends(t, append([]string{"audit"}, args...)...)
			if exit != int(code) || !strings.Contains(got, out) {
				t.Errorf("exit code %d, want %d; printed %q, want %q", exit, code, got, out)
			}
		})
	}
	check("an empty server", exitOK, "there is nothing of Amends on this server")
	check("no server", exitNoNATS, "", "--nats", "nats://127.0.0.1:1")
	check("a pace that is none", exitUsage, "", "--watch", "--every", "0s")
	check("metrics that nobody can read", exitUsage, "", "--metrics-listen", "127.0.0.1:9464")
	check("an address in use", exitUsage, "", "--watch", "--metrics-listen", strings.TrimPrefix(os.Getenv("NATS_URL"), "nats://"))
	_, err := f.js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "KV_PAYMENTS", Subjects: []string{"payments.>"}})
	f.must(err)
	check("a stream of somebody else", exitInternal, "")
	check("a stream of somebody else, watched", exitInternal, "", "--watch")
}
