package audit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"amends/protocol"
	"amends/store"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// readTimeout bounds one read from a leader. It outlasts an election.
const readTimeout = 15 * time.Second

// source is the streams of a system, as far as they reached when it was opened.
type source struct {
	nc *nats.Conn
	js jetstream.JetStream

	sagas      *stream
	stores     map[string]*stream // by bucket
	orders     *stream
	incidents  *stream
	inbox      *stream
	timers     *stream
	retentions retentions
}

// stores are the participants' buckets.
var stores = [...]string{protocol.BucketInventory, protocol.BucketPayments, protocol.BucketShipments}

// keeperOf names the service that keeps a bucket.
var keeperOf = map[string]string{
	protocol.BucketInventory: protocol.ServiceInventory,
	protocol.BucketPayments:  protocol.ServicePayment,
	protocol.BucketShipments: protocol.ServiceShipping,
}

// ErrForeign says that a stream of the name of one of ours is another one: the
// audit cannot be made. Wrapped, with what is wrong.
var ErrForeign = errors.New("this stream was not made by Amends")

// openSource notes how far each stream reaches, SAGAS first: whatever had ended
// by then has all its effects in the others.
func openSource(ctx context.Context, nc *nats.Conn) (*source, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, err
	}
	s := &source{
		nc: nc, js: js,
		sagas: bucketOf(sagasStream, protocol.BucketSagas),
		stores: map[string]*stream{
			protocol.BucketInventory: bucketOf(inventoryStream, protocol.BucketInventory),
			protocol.BucketPayments:  bucketOf(paymentsStream, protocol.BucketPayments),
			protocol.BucketShipments: bucketOf(shipmentsStream, protocol.BucketShipments),
		},
		orders:    &stream{name: protocol.StreamOrders, number: ordersStream},
		incidents: bucketOf(0, protocol.BucketIncidents),
		inbox:     &stream{name: protocol.StreamInbox},
		timers:    &stream{name: protocol.StreamTimers},
	}
	for _, st := range s.all() {
		if err := s.open(ctx, st); err != nil {
			return nil, err
		}
	}
	s.retentions, err = retentionsOf(s.sagas)
	return s, err
}

// all are the streams in the order in which they are opened.
func (s *source) all() []*stream {
	all := []*stream{s.sagas}
	for _, name := range stores {
		all = append(all, s.stores[name])
	}
	return append(all, s.orders, s.incidents, s.inbox, s.timers)
}

// isOurs tells whether there is anything of Amends.
func (s *source) isOurs() bool {
	return slices.ContainsFunc(s.all(), func(st *stream) bool { return st.exists })
}

// open asks the leader of a stream how far it reaches. One that is not there is
// empty.
func (s *source) open(ctx context.Context, st *stream) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	handle, err := s.js.Stream(ctx, st.name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("looking at stream %s: %w", st.name, err)
	}
	info := handle.CachedInfo()
	st.exists, st.last, st.config = true, info.State.LastSeq, info.Config
	st.count, st.subjects = info.State.Msgs, info.State.NumSubjects
	return st.check()
}

// check refuses a stream that cannot be the one of that name: what it holds would
// be taken for nothing.
func (st *stream) check() error {
	if st.prefix != "" && !slices.Equal(st.config.Subjects, []string{st.prefix + ">"}) {
		return fmt.Errorf("stream %s holds %s and not %s>: %w; give the other one another name",
			st.name, strings.Join(st.config.Subjects, ", "), st.prefix, ErrForeign)
	}
	return nil
}

// forgets says by which of its limits a stream may lose what it has taken in; ""
// if it has none.
func (st *stream) forgets() string {
	c := &st.config
	switch {
	case !st.exists:
		return ""
	case c.MaxAge > 0:
		return fmt.Sprintf("max_age %s", c.MaxAge)
	case c.Discard == jetstream.DiscardOld && c.MaxMsgs > 0:
		return fmt.Sprintf("max_msgs %d with discard old", c.MaxMsgs)
	case c.Discard == jetstream.DiscardOld && c.MaxBytes > 0:
		return fmt.Sprintf("max_bytes %d with discard old", c.MaxBytes)
	case st.prefix != "" && c.MaxMsgsPerSubject != 1:
		return fmt.Sprintf("history %d, where 1 is expected", c.MaxMsgsPerSubject)
	}
	return ""
}

// get reads a value from the leader; the entry is zero if there is none.
func (s *source) get(ctx context.Context, st *stream, key string) (store.Entry, error) {
	if !st.exists {
		return store.Entry{}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	entry, err := store.LastOn(ctx, s.nc, st.name, st.prefix+key)
	if isNotFound(err) || err == nil && isDeletion(entry.Header) {
		return store.Entry{}, nil
	}
	if err != nil {
		return entry, fmt.Errorf("reading %s of %s: %w", key, st.name, err)
	}
	return entry, nil
}

func isNotFound(err error) bool { return errors.Is(err, store.ErrNotFound) }

// queued tells whether a saga is in the inbox, or has a timer: one that waits, or
// one that has fired and was not taken yet.
func (s *source) queued(ctx context.Context, sagaID string) (bool, error) {
	id, err := protocol.ParseSagaID(sagaID)
	if err != nil {
		return false, err
	}
	// A saga moves from the timer to the due ones, to the inbox and back to the
	// timer while it is looked for.
	timer, due := protocol.SubjectTimer(id), protocol.SubjectTimerDue(id)
	for _, place := range []struct {
		in      *stream
		subject string
	}{{s.timers, timer}, {s.timers, due}, {s.inbox, protocol.SubjectInbox(id)}, {s.timers, due}, {s.timers, timer}} {
		if entry, err := s.get(ctx, place.in, place.subject); err != nil || entry.Revision != 0 {
			return err == nil, err
		}
	}
	return false, nil
}
