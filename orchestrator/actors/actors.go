// Package actors gives each saga a mailbox: messages to one actor are handled
// one after the other, by one goroutine at a time, and idle actors cost no
// goroutine.
//
// It is the only importer of protoactor-go, and uses of it what was seen to be
// sound: names, mailboxes, supervision. Futures, stash, receive time-outs,
// persistence and clustering are left alone (docs/adr/0005).
package actors

import (
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync/atomic"

	"amends/crew"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/rs/zerolog"
)

// Actor handles the messages of one mailbox.
type Actor interface {
	// Receive handles one message. It must not block. It returns false when the
	// actor is done: messages left in the mailbox are then dropped.
	Receive(message any) bool
}

// System runs actors.
type System struct {
	log      zerolog.Logger
	system   *actor.ActorSystem
	panicked func(a Actor, cause any)
	spawned  atomic.Uint64
	dispatch dispatcher
}

// Ref is where to send messages for one actor. The zero value is nobody.
type Ref struct {
	root *actor.RootContext
	pid  *actor.PID
}

// New starts a system. panicked is called, on the goroutine of the actor, when
// an actor has panicked; the actor is stopped and not restarted, since its
// state in memory cannot be trusted any more.
func New(log zerolog.Logger, panicked func(a Actor, cause any)) *System {
	quiet := func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) }
	system := actor.NewActorSystem(actor.WithLoggerFactory(quiet), actor.WithDeadLetterRequestLogging(false))
	return &System{log: log, system: system, panicked: panicked, dispatch: dispatcher{crew.New(crewSize)}}
}

// Spawn starts an actor. The name is for logs; it need not be unique.
func (s *System) Spawn(name string, a Actor) (Ref, error) {
	props := actor.PropsFromProducer(func() actor.Actor { return &mailbox{system: s, actor: a} },
		actor.WithGuardian(stopOnFailure{}), actor.WithDispatcher(s.dispatch))
	unique := fmt.Sprintf("%s/%d", name, s.spawned.Add(1))
	pid, err := s.system.Root.SpawnNamed(props, unique)
	if err != nil {
		return Ref{}, fmt.Errorf("spawning %s: %w", name, err)
	}
	return Ref{root: s.system.Root, pid: pid}, nil
}

// Tell puts a message into the mailbox and returns at once. It may be called
// from any goroutine. A message for an actor that is gone is dropped.
func (r Ref) Tell(message any) {
	if r.pid != nil {
		r.root.Send(r.pid, message)
	}
}

// Close ends the system. Actors must be done before.
func (s *System) Close() {
	s.system.Shutdown()
	s.dispatch.Stop()
}

// mailbox is the protoactor side of an Actor.
type mailbox struct {
	system *System
	actor  Actor
	done   bool
}

func (m *mailbox) Receive(ctx actor.Context) {
	switch message := ctx.Message().(type) {
	case actor.AutoReceiveMessage, actor.SystemMessage:
	default:
		m.receive(ctx, message)
	}
}

func (m *mailbox) receive(ctx actor.Context, message any) {
	if m.done {
		return
	}
	defer func() {
		if cause := recover(); cause != nil {
			m.done = true
			m.system.log.Error().Str("actor", ctx.Self().Id).Str("message", fmt.Sprintf("%T", message)).
				Interface("cause", cause).Bytes("stack", debug.Stack()).Msg("actor panicked")
			ctx.Stop(ctx.Self())
			m.system.panicked(m.actor, cause)
		}
	}()
	if !m.actor.Receive(message) {
		m.done = true
		ctx.Stop(ctx.Self())
	}
}

// stopOnFailure is the supervision of last resort, for a panic outside Receive:
// the library's own strategy would restart ten times at once and then give up
// silently.
type stopOnFailure struct{}

func (stopOnFailure) HandleFailure(_ *actor.ActorSystem, supervisor actor.Supervisor, child *actor.PID, _ *actor.RestartStatistics, _, _ any) {
	supervisor.StopChildren(child)
}
