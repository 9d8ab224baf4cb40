package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"amends/protocol"
)

// Every verb once, typed at the program itself, against a system in one process
// and against one role per process.

// site is a running system of real processes.
type site struct {
	*testing.T
	binary string
	split  bool
	url    string
	sagas  string // folder of the definitions
	data   string
	roles  []*exec.Cmd // that have the definitions
}

func newSite(t *testing.T, binary string, split bool) *site {
	t.Helper()
	s := &site{T: t, binary: binary, split: split, sagas: t.TempDir(), data: t.TempDir()}
	for _, name := range []string{"bank.yaml", "paid.yaml"} {
		s.define(name, "", "")
	}
	if split {
		_, s.url = s.start("nats", "--nats-listen", "127.0.0.1:0", "--data", s.data, "--durability", "interval")
		for _, role := range []string{"inventory", "payment", "shipping"} {
			s.start(role, "--nats", s.url)
		}
	}
	s.open()
	return s
}

// define writes a definition of the tests, with a change.
func (s *site) define(name, from, to string) {
	s.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "definitions", name))
	if err != nil {
		s.Fatal(err)
	}
	changed := bytes.Replace(text, []byte(from), []byte(to), 1)
	if err := os.WriteFile(filepath.Join(s.sagas, name), changed, 0o600); err != nil {
		s.Fatal(err)
	}
}

// open starts what reads the definitions: everything in one process, or two
// orchestrators.
func (s *site) open() {
	s.Helper()
	if !s.split {
		listen := "127.0.0.1:0"
		if s.url != "" {
			listen = strings.TrimPrefix(s.url, "nats://")
		}
		role, url := s.start("serve", "--nats-listen", listen, "--data", s.data, "--durability", "interval", "--definitions", s.sagas)
		s.roles, s.url = append(s.roles, role), url
		return
	}
	for range 2 {
		role, _ := s.start("orchestrator", "--nats", s.url, "--definitions", s.sagas)
		s.roles = append(s.roles, role)
	}
}

// reopen stops what reads the definitions, as a restart of the system does, and
// starts it again.
func (s *site) reopen() {
	s.Helper()
	for _, role := range s.roles {
		if err := role.Process.Signal(os.Interrupt); err != nil {
			s.Fatal(err)
		}
		if err := role.Wait(); err != nil {
			s.Fatalf("%v: %v", role.Args, err)
		}
	}
	s.roles = nil
	s.open()
}

// start starts a process and waits until it is ready. url is that of the NATS
// server in it, if there is one.
func (s *site) start(args ...string) (process *exec.Cmd, url string) {
	s.Helper()
	process = exec.Command(s.binary, args...)
	process.Env = append(os.Environ(), "AMENDS_LOG_FORMAT=json", "AMENDS_HTTP_LISTEN=127.0.0.1:0")
	log, err := process.StderrPipe()
	if err != nil {
		s.Fatal(err)
	}
	if err := process.Start(); err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() {
		if process.ProcessState == nil {
			_ = process.Process.Kill()
			_ = process.Wait()
		}
	})
	ready := make(chan string, 1)
	go func() {
		for lines := bufio.NewScanner(log); lines.Scan(); {
			var line struct{ Message, NATS string }
			if json.Unmarshal(lines.Bytes(), &line) == nil && line.Message == "ready" {
				ready <- line.NATS
			}
		}
	}()
	select {
	case url = <-ready:
	case <-time.After(patience):
		s.Fatalf("%v is not ready", args)
	}
	return process, url
}

// types types it at the program.
func (s *site) types(c typed) {
	s.Helper()
	command := exec.Command(s.binary, strings.Fields(c.args)...)
	command.Env = append(os.Environ(), "NATS_URL="+s.url)
	out, err := command.CombinedOutput()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		s.Fatal(err)
	}
	c.compare(s.T, string(out), command.ProcessState.ExitCode())
}

// build builds the program.
func build(t *testing.T) (binary string) {
	t.Helper()
	binary = filepath.Join(t.TempDir(), "amends")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("building amends: %v\n%s", err, out)
	}
	return binary
}

func TestVerbs(t *testing.T) {
	if testing.Short() {
		t.Skip("starts whole systems")
	}
	binary := build(t)
	for name, split := range map[string]bool{"serve": false, "roles": true} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, binary, split)
			b := newBank(t, s.url)
			for _, id := range []string{"c1", "c2", "c3", "c4", "c5", "c6"} {
				s.types(typed{"checkout start " + id + " --definition bank --wait 0s", exitRunning, id})
				b.waits(id)
			}
			s.acts(b)
			s.migrates(b)
			s.types(typed{"checkout incidents", exitOK, "0 incidents"})
		})
	}
}

// acts takes c1 to c4 to their ends.
func (s *site) acts(b *bank) {
	s.Helper()
	for _, c := range []typed{
		{"checkout list --status PENDING --step pay --limit 2", exitOK, "c6  \nc5  \n4 more"},
		{"checkout plan cancel c1", exitOK, "1.  ReturnMoney\n2.  ReleaseReservation\n200.00 USD would go back"},
		{"checkout cancel c1 --reason r --by ann", exitOK, "c1  ABORTED  Cancelled"},
		{"checkout watch c1", exitAborted, "c1  ABORTED"},
		{"checkout cancel c2 --kill --reason r --by ann", exitOK, "c2  KILLED  Killed: r"},
		{"checkout status c2", exitOK, "c2  KILLED"},
	} {
		s.types(c)
	}
	b.is(closed)
	for _, c := range []typed{
		{"checkout cancel c3 --by ann", exitStuck, "c3  STUCK"},
		{"checkout cancel c4 --by ann", exitStuck, "c4  STUCK"},
		{"checkout incidents --older-than 1ms", exitOK, "c4  compensation_failed at step 2\nc3  compensation_failed\n2 incidents in 2 checkouts; 400.00 USD at risk"},
		{"checkout resolve c3 --step 2 --as done --evidence e --reason r --by ann", exitOK, "c3  ABORTED"},
		{"checkout retry c4 --by ann", exitStuck, "c4  STUCK"},
	} {
		s.types(c)
	}
	b.is(open)
	s.types(typed{"checkout retry --status STUCK --by ann --yes", exitOK, "c4  ABORTED\nretry: 1 ABORTED"})
}

// migrates moves c5 and c6 to another version of their definition, on which they
// end.
func (s *site) migrates(b *bank) {
	s.Helper()
	s.types(typed{"checkout migrate c5", exitRefused, "the saga has this version already"})
	s.define("bank.yaml", "patience: 1h", "patience: 2h")
	s.reopen()
	b.until("c5", func(status *protocol.Status) bool { return status.Status == protocol.StatusPending })
	for _, c := range []typed{
		{"checkout definitions bank", exitOK, "loaded\nearlier"},
		{"checkout migrate c5 --hash abc", exitNotFound, "definition_unknown"},
		{"checkout plan migrate c5", exitOK, "c5  PENDING -> COMPLETED\n1.  TakeMoney\n2.  CreateShipment"},
		{"checkout migrate c5 --reason r --by ann", exitOK, "c5  PENDING"},
		{"checkout migrate --definition bank --status PENDING --yes", exitRefused, "c6  PENDING\nc5  refused  the saga has this version already\nmigrate: 1 PENDING, 1 refused"},
	} {
		s.types(c)
	}
	for _, id := range []string{"c5", "c6"} {
		b.pays(id)
		s.types(typed{"checkout watch " + id, exitOK, "COMPLETED"})
	}
}
