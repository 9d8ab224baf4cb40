package audit

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"amends/protocol"
	"amends/store"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// readTimeout bounds one read from a leader. It outlasts an election.
const readTimeout = 15 * time.Second

// metadataRetention is the entry in the metadata of the stream of SAGAS that
// says how long the records of ended sagas are kept; "0s" is for ever.
const metadataRetention = "amends.retention"

// source is the buckets of a system, as far as they reached when it was opened.
type source struct {
	nc     *nats.Conn
	js     jetstream.JetStream
	writer *store.Writer

	sagas     *bucket
	stores    map[string]*bucket
	retention time.Duration
	inbox     uint64 // messages
	queue     bool   // the inbox exists
	timers    bool   // the stream of the timers exists
}

// bucket is one bucket up to a sequence number.
type bucket struct {
	name string
	open *store.Bucket // nil if the bucket does not exist: then it is empty
	last uint64
}

// stores are the participants' buckets. The inventory comes first, since its
// rows are shared by those of shipping (see slot).
var stores = [...]string{protocol.BucketInventory, protocol.BucketPayments, protocol.BucketShipments}

// openSource notes how far each bucket reaches, SAGAS first: whatever had ended
// by then has all its effects in the others.
func openSource(ctx context.Context, nc *nats.Conn) (*source, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, err
	}
	s := &source{nc: nc, js: js, stores: map[string]*bucket{}}
	// Buckets want a writer. This one never writes.
	if s.writer, err = store.NewWriter(nc, 0); err != nil {
		return nil, err
	}
	if err := s.openAll(ctx); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *source) openAll(ctx context.Context) error {
	info, err := s.stream(ctx, protocol.BucketStream(protocol.BucketSagas))
	if err != nil {
		return err
	}
	if s.sagas, err = s.openBucket(ctx, protocol.BucketSagas, info); err != nil {
		return err
	}
	if s.retention, err = retentionOf(info); err != nil {
		return err
	}
	for _, name := range stores {
		info, err := s.stream(ctx, protocol.BucketStream(name))
		if err != nil {
			return err
		}
		if s.stores[name], err = s.openBucket(ctx, name, info); err != nil {
			return err
		}
	}
	if info, err = s.stream(ctx, protocol.StreamInbox); err == nil && info != nil {
		s.queue, s.inbox = true, info.State.Msgs
	}
	if err != nil {
		return err
	}
	info, err = s.stream(ctx, protocol.StreamTimers)
	s.timers = info != nil
	return err
}

func retentionOf(info *jetstream.StreamInfo) (time.Duration, error) {
	if info == nil || info.Config.Metadata[metadataRetention] == "" {
		return 0, nil
	}
	retention, err := time.ParseDuration(info.Config.Metadata[metadataRetention])
	if err != nil {
		return 0, fmt.Errorf("reading %s of %s: %w", metadataRetention, info.Config.Name, err)
	}
	return retention, nil
}

// stream asks the leader of a stream how it is; nil if there is no such stream.
func (s *source) stream(ctx context.Context, name string) (*jetstream.StreamInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	stream, err := s.js.Stream(ctx, name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("looking at stream %s: %w", name, err)
	}
	return stream.CachedInfo(), nil
}

// openBucket binds a bucket that exists; store.Open alone would create it.
func (s *source) openBucket(ctx context.Context, name string, info *jetstream.StreamInfo) (*bucket, error) {
	if info == nil {
		return &bucket{name: name}, nil
	}
	open, err := store.Open(ctx, s.writer, store.Config{Name: name})
	if err != nil {
		return nil, err
	}
	return &bucket{name: name, open: open, last: info.State.LastSeq}, nil
}

// again is a participant's bucket as far as it reaches now.
func (s *source) again(ctx context.Context, name string) (*bucket, error) {
	info, err := s.stream(ctx, protocol.BucketStream(name))
	if err != nil {
		return nil, err
	}
	return s.openBucket(ctx, name, info)
}

func (s *source) close() error { return s.writer.Close() }

// scan reads every value that was in the bucket when it was opened and still is.
// No key comes twice, and all the values were there at that moment, together.
// Decoding takes most of the time of an audit, so read is called by several
// goroutines; what it returns is called by one at a time.
func (b *bucket) scan(ctx context.Context, read func(store.Followed) (settle func())) error {
	if b.open == nil {
		return nil
	}
	values := make(chan store.Followed, 256)
	var one sync.Mutex
	var readers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		readers.Go(func() {
			for f := range values {
				settle := read(f)
				one.Lock()
				settle()
				one.Unlock()
			}
		})
	}
	err := b.open.Scan(ctx, ">", false, func(f store.Followed) {
		if !f.Deleted && f.Revision <= b.last {
			values <- f
		}
	})
	close(values)
	readers.Wait()
	return err
}

// get reads a value from the leader; the entry is zero if there is none.
func (b *bucket) get(ctx context.Context, key string) (store.Entry, error) {
	if b.open == nil {
		return store.Entry{}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	entry, err := b.open.Get(ctx, key)
	if errors.Is(err, store.ErrNotFound) {
		return store.Entry{}, nil
	}
	return entry, err
}

// queued tells whether the start of a saga is in the inbox.
func (s *source) queued(ctx context.Context, sagaID string) (bool, error) {
	id, err := protocol.ParseSagaID(sagaID)
	if err != nil || !s.queue {
		return false, err
	}
	// A saga may move from one to the other, and back, while it is looked for.
	for _, place := range [][2]string{
		{protocol.StreamTimers, protocol.SubjectTimer(id)},
		{protocol.StreamInbox, protocol.SubjectInbox(id)},
		{protocol.StreamTimers, protocol.SubjectTimer(id)},
	} {
		if place[0] == protocol.StreamTimers && !s.timers {
			continue
		}
		if there, err := s.holds(ctx, place[0], place[1]); there || err != nil {
			return there, err
		}
	}
	return false, nil
}

// holds reports whether a stream has a message on a subject.
func (s *source) holds(ctx context.Context, stream, subject string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	_, err := store.LastOn(ctx, s.nc, stream, subject)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}
