package chaos_test

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// readyTimeout is how long a process may take to become ready on a machine that
// is busy with other things.
const readyTimeout = 60 * time.Second

// readyLine is what a process logs when it answers.
const readyLine = `"message":"ready"`

// process is one amends, which may live several times.
type process struct {
	t    *testing.T
	name string
	args []string
	log  *logbook

	cmd    *exec.Cmd
	born   int           // mark in the log
	ended  chan struct{} // closed when this life is over
	doomed *atomic.Bool  // this life was ended by the test
}

// spawn starts a process and does not wait for it.
func spawn(t *testing.T, name string, args ...string) *process {
	t.Helper()
	p := &process{t: t, name: name, args: args, log: &logbook{}}
	p.launch()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("the log of %s:\n%s", p.name, p.log.tail(60))
		}
	})
	return p
}

// launch begins a life.
func (p *process) launch() {
	p.t.Helper()
	p.cmd = exec.Command(binary, p.args...)
	p.cmd.Stderr, p.cmd.Env = p.log, cleanEnvironment()
	dieWithParent(p.cmd)
	p.born, p.ended, p.doomed = p.log.mark(), make(chan struct{}), &atomic.Bool{}
	if err := p.cmd.Start(); err != nil {
		p.t.Fatalf("starting %s: %v", p.name, err)
	}
	go watch(p.t, p.name, p.cmd, p.doomed, p.ended)
}

// watch waits for the end of a life. A process that ends without being told to
// has crashed.
func watch(t *testing.T, name string, cmd *exec.Cmd, doomed *atomic.Bool, ended chan<- struct{}) {
	defer close(ended)
	if err := cmd.Wait(); !doomed.Load() {
		t.Errorf("%s ended by itself: %v", name, err)
	}
}

// cleanEnvironment is the environment without settings for Amends and NATS of
// whoever runs the tests.
func cleanEnvironment() []string {
	var kept []string
	for _, setting := range os.Environ() {
		if !strings.HasPrefix(setting, "AMENDS_") && !strings.HasPrefix(setting, "NATS_") {
			kept = append(kept, setting)
		}
	}
	return kept
}

// ready waits until the process answers.
func (p *process) ready() {
	p.t.Helper()
	if err := p.log.wait(p.born, readyLine, readyTimeout, p.ended); err != nil {
		p.t.Fatalf("%s is not ready: %v\n%s", p.name, err, p.stacks())
	}
}

// stacks ends the process and returns what its goroutines were doing.
func (p *process) stacks() string {
	mark := p.log.mark()
	p.doomed.Store(true)
	// It fails if the process has ended already; then there are no stacks.
	_ = p.cmd.Process.Signal(syscall.SIGQUIT)
	late := time.AfterFunc(readyTimeout, p.kill)
	defer late.Stop()
	<-p.ended
	lines, _ := p.log.after(mark, "")
	return strings.Join(lines, "\n")
}

// kill ends the process as kill -9 does, and waits until it is gone. A process
// that is gone already stays so.
func (p *process) kill() {
	p.doomed.Store(true)
	// It fails if the process has ended already, which is what is wanted.
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// signal stops (SIGSTOP) or continues (SIGCONT) the process.
func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatalf("sending %v to %s: %v", s, p.name, err)
	}
}

// terminate asks the process to end (SIGTERM), and returns its exit code.
func (p *process) terminate(within time.Duration) int {
	p.t.Helper()
	p.doomed.Store(true)
	p.signal(syscall.SIGTERM)
	late := time.NewTimer(within)
	defer late.Stop()
	select {
	case <-p.ended:
		return p.cmd.ProcessState.ExitCode()
	case <-late.C:
		p.t.Fatalf("%s did not end within %v of SIGTERM", p.name, within)
		return -1
	}
}

// output runs amends to its end, and returns what it printed and its exit code.
func output(t *testing.T, args ...string) (printed string, code int) {
	t.Helper()
	cmd := exec.Command(binary, args...)
	cmd.Env = cleanEnvironment()
	out, err := cmd.CombinedOutput()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		t.Fatalf("running amends %s: %v", strings.Join(args, " "), err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}
