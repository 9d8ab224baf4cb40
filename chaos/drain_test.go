package chaos_test

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"amends/protocol"
)

// drainTimeout is how long the whole program may take to end after SIGTERM.
const drainTimeout = 10 * time.Second

// TestDrain: SIGTERM under load ends the process cleanly and in time; what it had
// in hand goes on after a restart.
func TestDrain(t *testing.T) {
	slow(t)
	random := dice(t)
	s := newSite(t, "disk")
	p := s.start(roleServe)
	l := startLoad(s, random, clients)
	for range 3 {
		l.await(t, clients)
		begin := time.Now()
		if code := p.terminate(drainTimeout); code != 0 {
			t.Errorf("after SIGTERM it exits with %d", code)
		}
		t.Logf("ended %v after SIGTERM", time.Since(begin).Round(time.Millisecond))
		p.launch()
		p.ready()
	}
	conclude(t, s, l)
}

// TestDrainOfOneRole: each role by itself ends as cleanly, and the others go on.
func TestDrainOfOneRole(t *testing.T) {
	slow(t)
	_, s, l, parts := underLoad(t)
	for _, role := range splitRoles[1:] {
		l.await(t, clients)
		if code := parts[role].terminate(drainTimeout); code != 0 {
			t.Errorf("after SIGTERM %s exits with %d", role, code)
		}
		parts[role].launch()
		parts[role].ready()
	}
	conclude(t, s, l)
}

const (
	// maxIdleKB is the memory that an idle system may take.
	maxIdleKB = 80 * 1024
	// wantedStart is how soon after its start a fresh system should answer its
	// first checkout, and maxStart what a busy machine is forgiven.
	wantedStart, maxStart = 2 * time.Second, 5 * time.Second
)

// TestIdle: an idle system is small, and a fresh one answers at once. It does not
// run beside other tests.
func TestIdle(t *testing.T) {
	s := newSite(t, "disk")
	begin := time.Now()
	p := s.start(roleServe)
	a := ask(t, s.connect(), protocol.SubjectStart, checkout("first", ""))
	took := time.Since(begin)
	if a.Status != protocol.StatusCompleted {
		t.Errorf("the first checkout is answered %+v", a)
	}
	if took > maxStart && !testing.Short() {
		t.Errorf("the first checkout is answered %v after the start", took)
	}
	kb := residentKB(t, p)
	if kb > maxIdleKB {
		t.Errorf("it takes %d KB when idle, more than %d", kb, maxIdleKB)
	}
	t.Logf("first answer after %v (wanted: %v), %d MB resident", took.Round(time.Millisecond), wantedStart, kb/1024)
}

// residentKB is how much memory a process has.
func residentKB(t *testing.T, p *process) int {
	t.Helper()
	text, err := os.ReadFile("/proc/" + strconv.Itoa(p.cmd.Process.Pid) + "/status")
	if err != nil {
		t.Skip("only Linux tells the memory of a process this way: ", err)
	}
	line := regexp.MustCompile(`VmRSS:\s+\d+ kB`).FindString(string(text))
	kb, err := strconv.Atoi(strings.Fields(line + " 0 0")[1])
	if err != nil {
		t.Fatalf("reading the memory from %q: %v", line, err)
	}
	return kb
}
