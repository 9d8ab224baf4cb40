package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"amends/protocol"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Bucket is one key-value bucket, open for compare-and-set.
type Bucket struct {
	name   string
	nc     *nats.Conn
	js     jetstream.JetStream
	writer *Writer
}

// Config describes a bucket.
type Config struct {
	Name     string            // such as SAGAS
	Replicas int               // of the stream; 0 is 1
	Metadata map[string]string // of the stream; brought up to date when the bucket is opened
}

// Entry is one value of a bucket.
type Entry struct {
	Key      string
	Value    []byte
	Revision uint64 // sequence number of the message that holds it
	Header   nats.Header
	Stored   time.Time // by the clock of the server
}

// Open binds the bucket and creates its stream if there is none. An existing
// stream is left as its operator made it, but for the metadata asked for. The
// writer may be shared by buckets.
func Open(ctx context.Context, w *Writer, cfg Config) (*Bucket, error) {
	js, err := jetstream.New(w.nc)
	if err != nil {
		return nil, fmt.Errorf("opening bucket %s: %w", cfg.Name, err)
	}
	if err := EnsureStream(ctx, js, bucketStream(cfg)); err != nil {
		return nil, fmt.Errorf("opening bucket %s: %w", cfg.Name, err)
	}
	if err := updateMetadata(ctx, js, cfg); err != nil {
		return nil, fmt.Errorf("opening bucket %s: %w", cfg.Name, err)
	}
	return &Bucket{name: cfg.Name, nc: w.nc, js: js, writer: w}, nil
}

// updateMetadata says in the metadata of an existing stream what is so now.
func updateMetadata(ctx context.Context, js jetstream.JetStream, cfg Config) error {
	if len(cfg.Metadata) == 0 {
		return nil
	}
	stream, err := js.Stream(ctx, protocol.BucketStream(cfg.Name))
	if err != nil {
		return fmt.Errorf("reading the configuration: %w", err)
	}
	current := stream.CachedInfo().Config
	before := maps.Clone(current.Metadata)
	maps.Copy(current.Metadata, cfg.Metadata)
	if maps.Equal(before, current.Metadata) {
		return nil
	}
	if _, err := js.UpdateStream(ctx, current); err != nil {
		return fmt.Errorf("updating the metadata: %w", err)
	}
	return nil
}

// bucketStream is a key-value bucket that also takes atomic batches and
// per-message time to live. Old values are dropped (discard old), since a bucket
// made by the client library could not hold schedules later.
func bucketStream(cfg Config) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:               protocol.BucketStream(cfg.Name),
		Subjects:           []string{protocol.BucketSubjects(cfg.Name)},
		Storage:            jetstream.FileStorage,
		Discard:            jetstream.DiscardOld,
		MaxMsgsPerSubject:  1,
		Replicas:           max(cfg.Replicas, 1),
		AllowRollup:        true,
		AllowDirect:        true,
		DenyDelete:         true,
		AllowMsgTTL:        true,
		AllowAtomicPublish: true,
		AllowMsgSchedules:  true,
		Metadata:           cfg.Metadata,
	}
}

// ensureTimeout bounds how long EnsureStream tries. It outlasts the election of
// a leader. attemptTimeout bounds one attempt: a server that goes away takes the
// answer with it.
const ensureTimeout, attemptTimeout = 15 * time.Second, 3 * time.Second

// EnsureStream creates a stream unless one of that name is there already. A
// server that is still finding itself may not be able to yet; that is tried
// again for a while.
func EnsureStream(ctx context.Context, js jetstream.JetStream, cfg jetstream.StreamConfig) error {
	ctx, cancel := context.WithTimeout(ctx, ensureTimeout)
	defer cancel()
	for {
		attempt, cancel := context.WithTimeout(ctx, attemptTimeout)
		_, err := js.CreateStream(attempt, cfg)
		cancel()
		if err == nil || errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
			return nil
		}
		if !isTransient(err) {
			return fmt.Errorf("creating stream %s: %w", cfg.Name, err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("creating stream %s: %w", cfg.Name, err)
		case <-time.After(250 * time.Millisecond):
		}
	}
}

// isTransient tells errors that pass: no suitable peer, no leader or no quorum
// yet (a cluster coming up), or no folder for the store (the server removes the
// common one together with its last stream, even while another is being made).
func isTransient(err error) bool {
	if api, ok := errors.AsType[*jetstream.APIError](err); ok {
		return slices.Contains([]jetstream.ErrorCode{10005, 10008, 10009, 10049}, api.ErrorCode)
	}
	return errors.Is(err, nats.ErrNoResponders) || errors.Is(err, jetstream.ErrNoStreamResponse) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrReconnectBufExceeded)
}

// Put stores a value and waits for the acknowledgement. It returns the new
// revision.
func (b *Bucket) Put(ctx context.Context, w Write) (uint64, error) {
	type result struct {
		revision uint64
		err      error
	}
	done := make(chan result, 1)
	b.Submit(&w, func(revision uint64, err error) { done <- result{revision, err} })
	select {
	case r := <-done:
		return r.revision, r.err
	case <-ctx.Done():
		return 0, fmt.Errorf("%w: %w", ErrUnknown, ctx.Err())
	}
}

// Submit stores a value and calls done exactly once, from another goroutine.
// done must not block.
func (b *Bucket) Submit(w *Write, done func(revision uint64, err error)) {
	w.subject = protocol.BucketSubject(b.name, w.Key)
	b.writer.submit(b.name, w, done)
}

// Get reads a key from the leader of the stream: never a stale value, as a
// direct get from a follower may be. With ErrNotFound, Revision is that of the
// mark which a deletion left: a write that brings the key back has to name it.
func (b *Bucket) Get(ctx context.Context, key string) (Entry, error) {
	e, err := LastOn(ctx, b.nc, protocol.BucketStream(b.name), protocol.BucketSubject(b.name, key))
	if err == nil && isDeletion(e.Header) {
		err = ErrNotFound
	}
	if err != nil {
		return Entry{Revision: e.Revision}, fmt.Errorf("reading %s of %s: %w", key, b.name, err)
	}
	e.Key = key
	return e, nil
}

// At reads the value with this revision from the leader of the stream. It is
// ErrNotFound if the value was replaced, or never was.
func (b *Bucket) At(ctx context.Context, revision uint64) (Entry, error) {
	e, err := readMessage(ctx, b.nc, protocol.BucketStream(b.name), map[string]any{"seq": revision})
	if err != nil {
		return Entry{}, fmt.Errorf("reading revision %d of %s: %w", revision, b.name, err)
	}
	e.Key = strings.TrimPrefix(e.Key, protocol.BucketSubject(b.name, ""))
	return e, nil
}

// storedMessage is a message as JetStream's API returns it.
type storedMessage struct {
	Error   *jetstream.APIError `json:"error"`
	Message struct {
		Subject  string    `json:"subject"`
		Sequence uint64    `json:"seq"`
		Header   []byte    `json:"hdrs"`
		Data     []byte    `json:"data"`
		Time     time.Time `json:"time"`
	} `json:"message"`
}

// LastOn reads the last message on a subject of a stream, from its leader. The
// key of the entry is the whole subject.
func LastOn(ctx context.Context, nc *nats.Conn, stream, subject string) (Entry, error) {
	return readMessage(ctx, nc, stream, map[string]any{"last_by_subj": subject})
}

// MessageAt reads the message of a stream with this sequence number, from its
// leader. The key of the entry is the whole subject. It is ErrNotFound if there is
// none any more.
func MessageAt(ctx context.Context, nc *nats.Conn, stream string, sequence uint64) (Entry, error) {
	e, err := readMessage(ctx, nc, stream, map[string]any{"seq": sequence})
	if err != nil {
		return Entry{}, fmt.Errorf("reading message %d of %s: %w", sequence, stream, err)
	}
	return e, nil
}

func readMessage(ctx context.Context, nc *nats.Conn, stream string, which map[string]any) (Entry, error) {
	request, err := json.Marshal(which)
	if err != nil {
		return Entry{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	reply, err := nc.RequestWithContext(ctx, "$JS.API.STREAM.MSG.GET."+stream, request)
	if err != nil {
		return Entry{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	var m storedMessage
	if err := json.Unmarshal(reply.Data, &m); err != nil {
		return Entry{}, fmt.Errorf("decoding the answer of JetStream: %w", err)
	}
	if m.Error != nil {
		if m.Error.ErrorCode == codeNoMessage {
			return Entry{}, ErrNotFound
		}
		return Entry{}, fmt.Errorf("%w: %s", ErrUnavailable, m.Error.Description)
	}
	e := Entry{Key: m.Message.Subject, Value: m.Message.Data, Revision: m.Message.Sequence, Stored: m.Message.Time}
	if len(m.Message.Header) > 0 {
		if e.Header, err = nats.DecodeHeadersMsg(m.Message.Header); err != nil {
			return Entry{}, fmt.Errorf("decoding headers: %w", err)
		}
	}
	return e, nil
}
