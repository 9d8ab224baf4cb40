package orchestrator

import (
	"context"
	"strings"
	"time"

	"amends/protocol"
	"amends/store"

	"github.com/nats-io/nats.go"
)

// A saga that has a record goes on when its id is in the inbox. There is one
// message per saga at the most: if one is there, the saga has an owner, or will
// have one. Then the owner is told to read the record again.

const (
	// nudgeTimeout is how long an owner may take to answer a nudge.
	nudgeTimeout = time.Second
	// wakeAttempts bounds how often a saga is put into the inbox or its owner
	// nudged; after that the search for forgotten sagas finds it.
	wakeAttempts = 8
)

func wakeMessage(id protocol.SagaID) *nats.Msg {
	m := nats.NewMsg(protocol.SubjectInbox(id))
	m.Data = []byte("{}")
	return m
}

// wakeUp makes sure that somebody looks at the record of a saga. It returns when
// that is so, or when it is left to the search for forgotten sagas.
func (o *Orchestrator) wakeUp(id protocol.SagaID) {
	for range wakeAttempts {
		ctx, cancel := context.WithTimeout(o.background, loadTimeout)
		_, err := o.cfg.Writer.PublishWait(ctx, wakeMessage(id))
		cancel()
		if err == nil || o.background.Err() != nil {
			return
		}
		if store.IsSubjectTaken(err) && o.nudge(id) {
			return
		}
		pauseFor(o.background, pause)
	}
	o.log.Warn().Str("saga_id", id.String()).Msg("cannot wake a saga now; it goes on when it is found forgotten")
}

// nudge tells the owner of a saga to read the record again. It returns whether
// one has.
func (o *Orchestrator) nudge(id protocol.SagaID) bool {
	ctx, cancel := context.WithTimeout(o.background, nudgeTimeout)
	defer cancel()
	_, err := o.cfg.Conn.RequestWithContext(ctx, protocol.SubjectNudge(id), nil)
	return err == nil
}

// followNudges has every orchestrator hear every nudge; the one that has the
// saga answers.
func (o *Orchestrator) followNudges() error {
	sub, err := o.cfg.Conn.Subscribe(protocol.SubjectNudges, func(m *nats.Msg) {
		id := m.Subject[strings.LastIndexByte(m.Subject, '.')+1:]
		o.mu.RLock()
		i := o.live[id]
		o.mu.RUnlock()
		if i != nil {
			i.ref.Tell(nudged{m.Reply})
		}
	})
	if err != nil {
		return err
	}
	o.subs = append(o.subs, sub)
	return sub.SetPendingLimits(-1, -1)
}

// onNudged reads the record again. Who nudges is answered when that is done: an
// owner that leaves does not answer.
func (i *instance) onNudged(reply string) bool {
	i.nudges = append(i.nudges, reply)
	if i.isBusy() || i.held == nil {
		return true
	}
	return i.load()
}

// answerNudges tells those who nudged before the record was read that it was.
func (i *instance) answerNudges() {
	for _, reply := range i.hearing {
		if err := i.o.cfg.Conn.Publish(reply, nil); err != nil {
			i.log().Debug().Err(err).Msg("cannot answer a nudge")
		}
	}
	i.hearing = nil
}
