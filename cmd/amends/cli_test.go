package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"amends/embedded"
	"amends/protocol"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
)

// system starts everything on a free port and points the command line at it.
func system(t *testing.T, roles ...embedded.Role) *embedded.App {
	t.Helper()
	app := embedded.New(embedded.Config{
		Server: &embedded.ServerConfig{
			Data: filepath.Join(t.TempDir(), "nats"), Listen: "127.0.0.1:0", Durability: embedded.Interval, Log: zerolog.Nop(),
		},
		Roles: roles, Development: true, Log: zerolog.Nop(),
	})
	if err := app.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = app.Stop(t.Context()) })
	t.Setenv("NATS_URL", app.URL())
	return app
}

// amends runs a command line and returns what it printed and its exit code.
func amends(t *testing.T, args ...string) (stdout string, code int) {
	t.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	before := os.Stdout
	os.Stdout = write
	defer func() { os.Stdout = before }()
	printed := make(chan string)
	go func() {
		text, _ := io.ReadAll(read)
		printed <- string(text)
	}()
	code = run(args)
	if err := write.Close(); err != nil {
		t.Fatal(err)
	}
	return <-printed, code
}

// A script decides by the exit code.
func TestExitCodes(t *testing.T) {
	system(t)
	for _, c := range []struct {
		name string
		args string
		code exitCode
		out  string
	}{
		{"completed", "checkout start c1", exitOK, "c1  COMPLETED  order o"},
		{"the same again", "checkout start c1", exitOK, "c1  COMPLETED  order o"},
		{"aborted", "checkout start c2 --user u999", exitAborted, "c2  ABORTED  Payment declined: DECLINED"},
		{"other content", "checkout start c1 --user u43", exitRefused, ""},
		{"bad id", "checkout start a.b", exitRefused, ""},
		{"bad item", "checkout start c3 --item lamp", exitUsage, ""},
		{"unknown command", "checkout begin", exitUsage, ""},
		{"unknown flag", "checkout start --colour", exitUsage, ""},
		{"status", "checkout status c1", exitOK, "c1  COMPLETED  (checkout)"},
		{"status of nothing", "checkout status nothing", exitNotFound, ""},
		{"no such definition", "checkout start c3 --definition nothing", exitNotFound, ""},
		{"list", "checkout list --status ABORTED", exitOK, "c2"},
		{"list by the failure", "checkout list --code insufficient_funds --definition checkout", exitOK, "c2    ABORTED  checkout    -     insufficient_funds  -"},
		{"a limit that is too high", "checkout list --limit 1001", exitRefused, ""},
		{"watch what has ended", "checkout watch c2", exitAborted, "c2  ABORTED"},
		{"audit", "audit", exitOK, "OK: nothing charged twice"},
		{"version", "version", exitOK, "amends devel"},
		{"no server", "checkout start --nats nats://127.0.0.1:1", exitNoNATS, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, code := amends(t, strings.Fields(c.args)...)
			if code != int(c.code) || !strings.Contains(out, c.out) {
				t.Errorf("exit code %d, want %d; printed %q, want %q", code, c.code, out, c.out)
			}
		})
	}
}

// A script is written after the documents.
func TestExitCodesAreDocumented(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "failures.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, codes, _ := strings.Cut(string(page), "\n## Exit codes\n")
	codes, _, _ = strings.Cut(codes, "\n## ")
	for _, code := range append(slices.Clone(gravity), exitViolation, exitInterrupted) {
		if !strings.Contains(codes, fmt.Sprintf("\n| %d |", code)) {
			t.Errorf("docs/failures.md does not tell what exit code %d means", code)
		}
	}
}

// A saga that cannot end yet: the wait ends first.
func TestAWaitThatEndsIsSix(t *testing.T) {
	system(t, embedded.Orchestrator, embedded.Inventory)
	out, code := amends(t, "checkout", "start", "c1", "--wait", "10ms")
	if code != int(exitRunning) || !strings.Contains(out, "c1") {
		t.Errorf("exit code %d, printed %q", code, out)
	}
}

func TestNoOrchestratorIsNine(t *testing.T) {
	system(t, embedded.Inventory)
	if _, code := amends(t, "checkout", "start", "c1"); code != int(exitNoNATS) {
		t.Errorf("exit code %d", code)
	}
}

// What goes to stdout with --json is JSON, also for a refusal.
func TestJSONIsJSON(t *testing.T) {
	system(t)
	amends(t, "checkout", "start", "c1")
	for _, args := range [][]string{
		{"checkout", "start", "c1", "--json"}, {"checkout", "status", "c1", "--json"}, {"checkout", "list", "--json"},
		{"checkout", "status", "nothing", "--json"}, {"audit", "--json"},
	} {
		out, _ := amends(t, args...)
		var value struct {
			Type string `json:"type"`
		}
		if err := json.Unmarshal([]byte(out), &value); err != nil {
			t.Errorf("%v printed %q: %v", args, out, err)
		}
	}
}

// The audit names what is off and exits 10.
func TestAViolationIsTen(t *testing.T) {
	app := system(t)
	amends(t, "checkout", "start", "c1")
	nc, err := app.Conn(t.Context(), "vandal")
	if err != nil {
		t.Fatal(err)
	}
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	payments, err := js.KeyValue(t.Context(), protocol.BucketPayments)
	if err != nil {
		t.Fatal(err)
	}
	if err := payments.Purge(t.Context(), "c1.2"); err != nil {
		t.Fatal(err)
	}
	out, code := amends(t, "audit")
	if code != int(exitViolation) || !strings.Contains(out, "c1") {
		t.Errorf("exit code %d, printed %q", code, out)
	}
}

// The demonstration ends as it tells, in less than ten seconds.
func TestDemo(t *testing.T) {
	begin := time.Now()
	out, code := amends(t, "demo")
	if code != int(exitOK) {
		t.Fatalf("exit code %d:\n%s", code, out)
	}
	t.Logf("took %s", time.Since(begin))
	for _, want := range []string{
		"=> COMPLETED, order o", "=> ABORTED: Payment declined: DECLINED", "=> ABORTED: Inventory unavailable",
		"=> ABORTED: Shipping failed: address_undeliverable", "the orchestrator is killed", "OK: nothing charged twice",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not say %q:\n%s", want, out)
		}
	}
	if refund, release := strings.Index(out, "RefundPayment"), strings.Index(out[strings.Index(out, "RefundPayment"):], "ReleaseReservation"); refund < 0 || release < 0 {
		t.Error("the compensations are not told in reverse order")
	}
}

// A bench measures, compares with the roofline, and audits.
func TestBench(t *testing.T) {
	out, code := amends(t, "bench", "-c", "8", "-n", "200", "--json")
	var result benchResult
	if err := json.Unmarshal([]byte(out), &result); err != nil || code != int(exitOK) {
		t.Fatalf("exit code %d, %v:\n%s", code, err, out)
	}
	if result.Sagas != 200 || result.Outcomes["COMPLETED"] != 180 || result.Outcomes["ABORTED"] != 20 || !result.AuditOK || result.Roofline <= 0 {
		t.Errorf("measured %+v", result)
	}
}
