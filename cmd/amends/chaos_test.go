package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"amends/embedded"
	"amends/faults"
	"amends/faults/planfile"

	"github.com/rs/zerolog"
)

// TestMain lets this binary play the program, for the processes that a run starts.
func TestMain(m *testing.M) {
	if os.Getenv("PLAY_AMENDS") != "" {
		os.Exit(run(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// chaos runs the command on a plan, and returns the result and its exit code.
func chaos(t *testing.T, plan string, args ...string) (r chaosResult, code int) {
	t.Helper()
	if testing.Short() {
		t.Skip("starts processes")
	}
	t.Setenv("PLAY_AMENDS", "1")
	out, code := amends(t, append([]string{"chaos", "--json", "--plan", planIn(t, plan)}, args...)...)
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatalf("exit code %d, printed %q: %v", code, out, err)
	}
	return r, code
}

func planIn(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "plan.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func counts(r chaosResult) (all []int) {
	for _, c := range r.Injected {
		all = append(all, c.Count)
	}
	return all
}

// Every kind of fault is really made, of actions and compensations, by processes
// that really die; and everything adds up all the same.
func TestChaosMakesEveryFault(t *testing.T) {
	var plan strings.Builder
	plan.WriteString("name: everything\nrules:\n")
	for n, kind := range faults.Kinds() {
		more := ""
		if kind == faults.DelayCommand || kind == faults.DelayReply || kind == faults.DuplicateCommand {
			more = ", delay: 100ms"
		}
		if kind == faults.Refuse {
			more = ", direction: action" // whoever refuses to undo wants a person
		}
		fmt.Fprintf(&plan, "  - {name: rule%d, fault: %s, attempts: 1, probability: 0.04%s}\n", n, kind, more)
	}
	fmt.Fprint(&plan, "  - {name: undo-lost, fault: drop-reply, direction: compensation, attempts: 1, probability: 0.3}\n")
	r, code := chaos(t, plan.String(), "-n", "150", "-c", "50", "--seed", "7", "--each", "2")
	if code != int(exitOK) || !r.OK || r.Ended != 150 || !r.Audit.OK() {
		t.Errorf("exit code %d: %+v", code, r)
	}
	for _, c := range r.Injected {
		if c.Count == 0 {
			t.Errorf("%s (%s) has never struck", c.Rule, c.Fault)
		}
	}
	if len(r.Restarts) == 0 {
		t.Error("no process died")
	}
	if r.Seed != 7 || r.P50 <= 0 || r.Max < r.P50 || !strings.HasPrefix(r.Plan, "everything@") {
		t.Errorf("got %+v", r)
	}
}

// The same seed is the same run, however many checkouts are in flight; another is
// another.
func TestChaosCanBeRepeated(t *testing.T) {
	const plan = `
name: repeated
rules:
  - {name: busy, fault: refuse, error: busy, retryable: true, retry_after: 1ms, attempts: 1-2, probability: 0.3}
  - {name: twice, fault: duplicate-command, probability: 0.3}
  - {name: echo, fault: duplicate-reply, probability: 0.3}
  - {name: never, fault: refuse, type: CreateShipment, probability: 0.3}
`
	first, _ := chaos(t, plan, "-n", "60", "-c", "4", "--seed", "11")
	second, _ := chaos(t, plan, "-n", "60", "-c", "60", "--seed", "11")
	if !slices.Equal(counts(first), counts(second)) || fmt.Sprint(first.Outcomes) != fmt.Sprint(second.Outcomes) {
		t.Errorf("%v %v with 4 at a time, %v %v with 60", counts(first), first.Outcomes, counts(second), second.Outcomes)
	}
	other, _ := chaos(t, plan, "-n", "60", "-c", "60", "--seed", "12")
	if slices.Equal(counts(first), counts(other)) {
		t.Errorf("seed 12 decides as seed 11 does: %v", counts(other))
	}
}

// What has not ended is told, and is no success.
func TestChaosTellsWhatHasNotEnded(t *testing.T) {
	r, code := chaos(t, "name: silence\nrules:\n  - {name: nobody, fault: drop-command, service: payment}\n", "-n", "2", "--patience", "1s")
	if code != int(exitViolation) || r.OK || r.Ended != 0 || r.Outcomes["PENDING"] != 2 {
		t.Errorf("exit code %d: %+v", code, r)
	}
}

const lossy = "name: lossy\nrules:\n  - {name: twice, fault: duplicate-command, attempts: 1}\n  - {name: busy, fault: refuse, retryable: true, attempts: 1, service: payment}\n"

// A system that runs already can be used, if it follows the same plan.
func TestChaosOnARunningSystem(t *testing.T) {
	plan, err := planfile.Parse("plan.yaml", []byte(lossy))
	if err != nil {
		t.Fatal(err)
	}
	app := embedded.New(embedded.Config{
		Server: &embedded.ServerConfig{
			Data: filepath.Join(t.TempDir(), "nats"), Listen: "127.0.0.1:0", Durability: embedded.Interval, Log: zerolog.Nop(),
		},
		Development: true, Log: zerolog.Nop(), Faults: *plan, FaultSeed: 5, AllowFaults: true,
	})
	if err := app.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = app.Stop(t.Context()) })
	for range 2 { // each run has checkouts of its own
		r, code := chaos(t, lossy, "--nats", app.URL(), "-n", "20")
		// 20 reservations, 20 charges, 18 shipments and 6 compensations are sent twice;
		// 20 charges and 2 refunds are refused twice.
		if code != int(exitOK) || r.Seed != 5 || r.Ended != 20 || !slices.Equal(counts(r), []int{64, 44}) {
			t.Errorf("exit code %d: %+v", code, r)
		}
	}
	for name, args := range map[string][]string{
		"another plan": {"--plan", planIn(t, strings.Replace(lossy, "attempts: 1", "attempts: 2", 1))},
		"another seed": {"--plan", planIn(t, lossy), "--seed", "6"},
	} {
		if out, code := amends(t, append([]string{"chaos", "--nats", app.URL()}, args...)...); code != int(exitUsage) || out != "" {
			t.Errorf("%s: exit code %d, printed %q", name, code, out)
		}
	}
}

// Nothing goes wrong on purpose that was not asked for twice, and no plan is
// followed that is not understood.
func TestPlansThatAreRefused(t *testing.T) {
	system(t)
	running, good := os.Getenv("NATS_URL"), planIn(t, lossy)
	for _, c := range []struct {
		name string
		args []string
		code exitCode
	}{
		{"without permission", []string{"serve", "--fault-plan", good}, exitUsage},
		{"a role without permission", []string{"payment", "--fault-plan", good}, exitUsage},
		{"a seed of nothing", []string{"serve", "--fault-seed", "1", "--allow-faults"}, exitUsage},
		{"not understood by a role", []string{"payment", "--allow-faults", "--fault-plan", planIn(t, "name: x\nrules: []\n")}, exitUsage},
		{"not understood", []string{"chaos", "--plan", planIn(t, "name: x\nrules:\n  - {name: a, fault: explode}\n")}, exitUsage},
		{"not there", []string{"chaos", "--plan", filepath.Join(t.TempDir(), "none.yaml")}, exitUsage},
		{"no plan", []string{"chaos"}, exitUsage},
		{"no checkouts", []string{"chaos", "--plan", good, "-n", "0"}, exitUsage},
		{"no processes", []string{"chaos", "--plan", good, "--each", "0"}, exitUsage},
		{"meets nothing", []string{"chaos", "--plan", planIn(t, "name: x\nrules:\n  - {name: a, fault: refuse, service: paymnet}\n")}, exitUsage},
		{"a system without plan", []string{"chaos", "--plan", good, "--nats", running}, exitUsage},
		{"no system", []string{"chaos", "--plan", good, "--nats", "nats://127.0.0.1:1"}, exitNoNATS},
	} {
		t.Run(c.name, func(t *testing.T) {
			if out, code := amends(t, c.args...); code != int(c.code) || out != "" {
				t.Errorf("exit code %d, want %d; printed %q", code, c.code, out)
			}
		})
	}
}
