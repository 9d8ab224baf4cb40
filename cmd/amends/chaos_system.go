package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"amends/definitions"
	"amends/embedded"
	"amends/faults"
	"amends/saga"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
	"github.com/rs/zerolog"
)

// chaosDefinition is what the checkouts of a run are.
const chaosDefinition = "checkout"

// chaosRoles are the roles of a system of its own: each is a process, so that one
// that crashes takes nothing else with it.
var chaosRoles = []embedded.Role{embedded.Inventory, embedded.Payment, embedded.Shipping, embedded.Orchestrator}

// chaosSystem is the system that a run is about.
type chaosSystem struct {
	nc     *nats.Conn
	seed   uint64
	prefix string // of the saga_ids
	what   string // tells a person where it is

	// The rest is that of a system of its own.
	failed    context.Context // ends when a process ends that should not
	fail      context.CancelCauseFunc
	server    *embedded.Server
	processes []*chaosProcess
	remove    func() error
}

// startChaosSystem starts a NATS server in this process, on a temporary folder, and
// so many processes of each role, which follow a plan.
func startChaosSystem(ctx context.Context, plan []byte, each int, seed uint64, log zerolog.Logger) (s *chaosSystem, err error) {
	s = &chaosSystem{seed: seed, prefix: fmt.Sprintf("chaos-%d", seed)}
	s.failed, s.fail = context.WithCancelCause(context.Background())
	data, remove, err := temporary()
	if err != nil {
		return nil, err
	}
	s.remove = remove
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	s.server, err = embedded.StartServer(embedded.ServerConfig{
		Data: data, Listen: "127.0.0.1:0", Durability: embedded.Interval, Log: log.Level(zerolog.ErrorLevel),
	})
	if err != nil {
		return s, err
	}
	if s.nc, err = (embedded.Access{URL: s.server.URL()}).Dial("amends chaos"); err != nil {
		return s, exitOfNATS(err)
	}
	// Whoever edits the plan meanwhile changes nothing: a process that is started
	// again reads this copy.
	kept := filepath.Join(filepath.Dir(data), "plan.yaml")
	if err = os.WriteFile(kept, plan, 0o600); err != nil {
		return s, fmt.Errorf("keeping the plan: %w", err)
	}
	s.what = fmt.Sprintf("on %s in a temporary folder, with %d of each of %v as processes", s.server.URL(), each, chaosRoles)
	follow := []string{
		"--nats", s.server.URL(), "--allow-faults", "--fault-plan", kept, "--fault-seed", strconv.FormatUint(seed, 10),
	}
	for range each {
		if err = s.startProcesses(follow...); err != nil {
			return s, err
		}
	}
	return s, s.awaitReady(ctx)
}

// startProcesses starts one process of each role.
func (s *chaosSystem) startProcesses(args ...string) error {
	for _, role := range chaosRoles {
		process, err := startChaosProcess(role, s.fail, args...)
		if err != nil {
			return err
		}
		s.processes = append(s.processes, process)
	}
	return nil
}

const (
	// chaosStart is how long the processes may take until they answer, and
	// readyPause the wait before they are asked again.
	chaosStart = 60 * time.Second
	readyPause = 20 * time.Millisecond
)

// awaitReady returns when every service answers.
func (s *chaosSystem) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, chaosStart)
	defer cancel()
	for _, service := range chaosServices() {
		if err := s.await(ctx, service); err != nil {
			return fmt.Errorf("waiting for %s: %w", service, err)
		}
	}
	return nil
}

func (s *chaosSystem) await(ctx context.Context, service string) error {
	subject, err := micro.ControlSubject(micro.PingVerb, service, "")
	if err != nil {
		return err
	}
	for {
		if _, err := s.nc.RequestWithContext(ctx, subject, nil); err == nil {
			return nil
		}
		select {
		case <-time.After(readyPause):
		case <-ctx.Done():
			return ctx.Err()
		case <-s.failed.Done():
			return context.Cause(s.failed)
		}
	}
}

func (s *chaosSystem) restarts() map[string]int {
	all := make(map[string]int)
	for _, p := range s.processes {
		if n := p.restarts.Load(); n > 0 {
			all[string(p.role)] += int(n)
		}
	}
	return all
}

// close ends everything that was started.
func (s *chaosSystem) close() error {
	for _, p := range s.processes {
		p.stop()
	}
	for _, p := range s.processes {
		<-p.ended
	}
	if s.nc != nil {
		s.nc.Close()
	}
	if s.server != nil {
		s.server.Stop()
	}
	s.fail(nil)
	if s.remove == nil {
		return nil
	}
	return s.remove()
}

// checkMeets finds rules that meet no command of the checkouts: whoever wrote them
// has something else in mind.
func checkMeets(plan *faults.Plan) error {
	shipped, err := definitions.Shipped()
	if err != nil {
		return err
	}
	def := shipped[chaosDefinition]
	var mistakes []error
	for _, rule := range plan.Rules {
		if !meets(&rule, def) {
			mistakes = append(mistakes, fmt.Errorf("rule %s meets no command of the definition %s, which has %s",
				rule.Name, def.Name, commandsOf(def)))
		}
	}
	return errors.Join(mistakes...)
}

// chaosModes are what may be asked of a step.
var chaosModes = map[saga.Mode]faults.Direction{
	saga.Do: faults.Action, saga.Compensate: faults.Compensation, saga.Ask: faults.Question,
}

func meets(rule *faults.Rule, def *saga.Definition) bool {
	for n := range def.Steps {
		for mode, direction := range chaosModes {
			operation := def.Operation(n+1, mode)
			if operation == nil || operation.Type == "" {
				continue
			}
			if rule.Fits(faults.Occasion{
				Service: def.Steps[n].Service, Type: operation.Type, Step: n + 1, Direction: direction,
				Attempt: max(rule.Attempts.First, 1),
			}) {
				return true
			}
		}
	}
	return false
}
