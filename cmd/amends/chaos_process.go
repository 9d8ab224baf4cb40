package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"amends/embedded"
)

// chaosStop is how long a process may take to end when it is told to.
const chaosStop = 10 * time.Second

// chaosProcess is a role in a process of its own, which is started again whenever
// it is killed.
type chaosProcess struct {
	role     embedded.Role
	args     []string
	restarts atomic.Int64

	ctx    context.Context // ends when it is told to end
	cancel context.CancelFunc
	ended  chan struct{} // closed when it has
}

// startChaosProcess starts a role. If it ends in another way than by being killed,
// fail is told.
func startChaosProcess(role embedded.Role, fail context.CancelCauseFunc, args ...string) (*chaosProcess, error) {
	p := &chaosProcess{
		role: role, args: append([]string{string(role), "--while-stdin", "--log-level", "error"}, args...), ended: make(chan struct{}),
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	cmd, lifeline, err := p.launch()
	if err != nil {
		return nil, err
	}
	go func() {
		defer close(p.ended)
		if err := p.keep(cmd, lifeline); err != nil {
			fail(err)
		}
	}()
	return p, nil
}

// launch begins a life. It ends when the other end of its lifeline, its stdin, is
// closed, as it is when this process dies.
func (p *chaosProcess) launch() (cmd *exec.Cmd, lifeline io.Closer, err error) {
	program, err := os.Executable()
	if err != nil {
		return nil, nil, fmt.Errorf("finding this program: %w", err)
	}
	// Its life ends with its lifeline, not with a context.
	cmd = exec.CommandContext(context.Background(), program, p.args...)
	cmd.Stderr, cmd.Env = os.Stderr, plainEnvironment()
	// Ctrl-C is for this process, which tells the others.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if lifeline, err = cmd.StdinPipe(); err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return nil, nil, fmt.Errorf("starting the process of %s: %w", p.role, err)
	}
	return cmd, lifeline, nil
}

// plainEnvironment is the environment without settings of roles, which are all
// said on their command lines.
func plainEnvironment() []string {
	var kept []string
	for _, setting := range os.Environ() {
		if !strings.HasPrefix(setting, "AMENDS_") && !strings.HasPrefix(setting, "NATS_") {
			kept = append(kept, setting)
		}
	}
	return kept
}

// keep starts the role again whenever it was killed, until it is told to end.
func (p *chaosProcess) keep(cmd *exec.Cmd, lifeline io.Closer) error {
	for {
		err := p.live(cmd, lifeline)
		switch {
		case p.ctx.Err() != nil:
			return nil
		case !wasKilled(err):
			return fmt.Errorf("the process of %s ended by itself: %s", p.role, cmd.ProcessState)
		}
		p.restarts.Add(1)
		if cmd, lifeline, err = p.launch(); err != nil {
			return err
		}
	}
}

// live waits for the end of one life.
func (p *chaosProcess) live(cmd *exec.Cmd, lifeline io.Closer) error {
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		return err
	case <-p.ctx.Done():
	}
	// It fails when the process is gone already.
	_ = lifeline.Close()
	select {
	case err := <-ended:
		return err
	case <-time.After(chaosStop):
		_ = cmd.Process.Kill()
		return <-ended
	}
}

// wasKilled tells the end that a crash is.
func wasKilled(err error) bool {
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		return false
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

func (p *chaosProcess) stop() { p.cancel() }
