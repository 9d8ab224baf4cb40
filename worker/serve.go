package worker

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"amends/protocol"
	"amends/store"

	"github.com/nats-io/nats.go/micro"
)

// callTimeout bounds the work on one message, unless its endpoint is patient.
const callTimeout = 10 * time.Second

// take accepts one message from an endpoint. A micro service calls its handlers
// one at a time, so the work goes on beside.
func (s *Service) take(e Endpoint, r micro.Request) {
	if r.Subject() != e.subject {
		// Not a request: somebody delivers the messages of a stream here.
		s.complaint.Warn().Str("subject", r.Subject()).Str("endpoint", e.subject).
			Msg("a message meant for another subject is dropped")
		return
	}
	c := &call{data: r.Data(), header: r.Headers(), replyTo: r.Reply(), received: s.cfg.Now()}
	if !e.gate.enter() {
		s.respond(c, s.answer(e, c, s.turnAway))
		return
	}
	s.crew.Do(func() {
		defer e.gate.leave()
		s.respond(c, s.answer(e, c, s.work))
	})
}

// answer reads one message and lets do find the answer. A panic costs this
// message only.
func (s *Service) answer(e Endpoint, c *call, do func(Endpoint, *call, task) ([]byte, error)) (a answer) {
	var t task
	defer func() {
		if cause := recover(); cause != nil {
			s.cfg.Log.Error().Str("endpoint", e.subject).Str("stack", string(debug.Stack())).
				Msgf("a command panicked: %v", cause)
			a = trouble(t.command, fmt.Errorf("panic: %v", cause))
		}
	}()
	t, err := e.read(s, c)
	if err != nil {
		return refusal(err)
	}
	body, err := do(e, c, t)
	if err != nil {
		return trouble(t.command, err)
	}
	return answer{body: body}
}

// turnAway answers a message for which there is no room.
func (s *Service) turnAway(Endpoint, *call, task) ([]byte, error) {
	if s.stopping.Err() != nil {
		return nil, errStopping
	}
	return nil, &protocol.Error{Code: protocol.CodeOverloaded, Message: "too many commands are in work; try again"}
}

func (s *Service) work(e Endpoint, c *call, t task) ([]byte, error) {
	life := s.life
	if e.limit > 0 {
		life = s.stopping // nobody waits for those who wait
	}
	ctx, cancel := context.WithTimeout(life, e.timeout)
	defer cancel()
	fault := s.struck(e.faultOf(ctx, c, t), c, t)
	if err := fault.before(ctx); err != nil {
		return nil, err
	}
	body, err := t.run(ctx)
	if err != nil {
		return nil, s.explain(e, c, err)
	}
	return body, fault.after()
}

// explain turns an error into what the sender is told: an *protocol.Error is
// told as it is, a store or an outside that cannot be reached is worth another
// try, everything else is our fault and is logged.
func (s *Service) explain(e Endpoint, c *call, err error) error {
	if _, ok := errors.AsType[*protocol.Error](err); ok {
		return err
	}
	if errors.Is(err, errUndecided) {
		return undecided(c.attempt())
	}
	if errors.Is(err, errOutside) {
		s.complaint.Warn().Err(err).Str("endpoint", e.subject).Msg("the outside gives no answer; commands are to be tried again")
		if _, ok := errors.AsType[*TroubleError](err); ok {
			return err
		}
		return &protocol.Error{Code: protocol.CodeUnavailable, Message: "somebody whom this service has to ask gave no answer"}
	}
	if isTemporary(err) {
		s.complaint.Warn().Err(err).Str("endpoint", e.subject).Msg("the store cannot be used; commands are to be tried again")
		return &protocol.Error{Code: protocol.CodeUnavailable, Message: "the store of this service cannot be used now"}
	}
	s.cfg.Log.Error().Err(err).Str("endpoint", e.subject).Msg("a command could not be carried out")
	return err
}

// isTemporary tells errors that say nothing about the command itself.
func isTemporary(err error) bool {
	for _, temporary := range [...]error{
		store.ErrConflict, store.ErrUnknown, store.ErrUnavailable, store.ErrRefused, store.ErrClosed,
		context.DeadlineExceeded, context.Canceled,
	} {
		if errors.Is(err, temporary) {
			return true
		}
	}
	return false
}

// respond sends an answer, if anybody wants one, and wants it where a client may
// wait. It does not use the request's own methods, which note errors without a
// lock.
func (s *Service) respond(c *call, a answer) {
	if a.silent || c.replyTo == "" || !protocol.IsReplySubject(c.replyTo) {
		return
	}
	if err := s.cfg.Conn.PublishMsg(c.message(a, s.cfg.Now())); err != nil {
		// The verdict is stored: the command is answered when it is repeated.
		s.complaint.Warn().Err(err).Msg("an answer could not be sent")
	}
}
