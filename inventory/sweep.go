package inventory

import (
	"context"
	"strings"
	"sync"
	"time"

	"amends/protocol"

	"github.com/rs/zerolog"
)

const (
	// sweepEvery is how often the service looks for reservations whose time is
	// over.
	sweepEvery = time.Second
	// sweepSize bounds those of one look, and sweepers how many are seen to at
	// once, so that customers hardly notice.
	sweepSize, sweepers = 1000, 64
	// sweepAgain is when a reservation is looked at again whose time was over and
	// about which nothing could be done.
	sweepAgain = 10 * time.Second
)

// sweep sees to all reservations whose time is over. It may run beside any
// command, and on several replicas at once: each change is decided on what is
// stored, and the first one wins.
func (i *inventory) sweep(ctx context.Context) {
	now := i.now()
	var due []held
	err := i.book.Look(ctx, func() {
		for _, h := range i.shelf.due.before(now.UnixMicro(), now.Add(sweepAgain).UnixMicro(), sweepSize) {
			due = append(due, *h)
		}
	})
	if err != nil {
		return // the picture is not complete; there will be another look
	}
	todo := make(chan held)
	var all sync.WaitGroup
	for range min(sweepers, len(due)) {
		all.Go(func() {
			for h := range todo {
				i.sweepOne(ctx, h)
			}
		})
	}
	for _, h := range due {
		todo <- h
	}
	close(todo)
	all.Wait()
	if len(due) == sweepSize {
		i.sweepSoon()
	}
}

// sweepOne sees to one reservation whose time is over. What cannot be done now is
// tried again.
func (i *inventory) sweepOne(ctx context.Context, h held) {
	end := Expire
	if !h.lapses {
		became, err := ask(ctx, i.conn, sagaOf(h.step))
		switch {
		case err != nil:
			return // nobody is there to say
		case became == undecided:
			i.putOff(ctx, h.step)
			return
		case became == completed:
			end = i.shelf.settle
		}
	}
	_, err := i.book.Revise(ctx, h.step, func(r Reservation, at int64) (Reservation, bool, error) {
		after, changed := end(r, at)
		return after, changed, nil
	})
	if err != nil && ctx.Err() == nil {
		i.complaint.Warn().Err(err).Str("step", h.step).Msg("a reservation whose time is over could not be ended; trying again")
	}
}

// settle commits what a completed saga has sold, if it is there.
func (s *shelf) settle(r Reservation, at int64) (after Reservation, changed bool) {
	if r.Status != Active || at < r.ExpiresAt || r.backordered() > 0 || r.short(s.OnHand) != nil {
		return r, false
	}
	return r.sold(s, at), true
}

// putOff looks at a reservation again after as long as it was held for sure.
func (i *inventory) putOff(ctx context.Context, step string) {
	// If the picture is not complete now, it will forget about this anyway.
	_ = i.book.Look(ctx, func() {
		if h := i.shelf.open[step]; h != nil {
			i.shelf.due.putOff(h, i.now().Add(i.policy.Hold).UnixMicro())
		}
	})
}

// sagaOf is the saga of a step.
func sagaOf(step string) string {
	sagaID, _, _ := strings.Cut(step, ".")
	return sagaID
}

// fill gives backordered goods that have come to those who wait longest.
func (i *inventory) fill(ctx context.Context) {
	var steps []string
	if err := i.book.Look(ctx, func() { steps = i.shelf.served() }); err != nil {
		return
	}
	for _, step := range steps {
		_, err := i.book.Revise(ctx, step, func(r Reservation, _ int64) (Reservation, bool, error) {
			after, changed := Fill(r, i.shelf.Free)
			return after, changed, nil
		})
		if err != nil {
			return // others must not be served before; there will be another look
		}
	}
}

// complaints are for what may go wrong again and again.
func complaints(log zerolog.Logger) zerolog.Logger {
	return log.With().Str("service", protocol.ServiceInventory).Logger().Sample(&zerolog.BurstSampler{Burst: 1, Period: time.Second})
}
