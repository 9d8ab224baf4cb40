package audit

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"amends/protocol"
	"amends/store"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Numbers of the streams, as the balance notes them.
const (
	sagasStream = iota
	inventoryStream
	paymentsStream
	shipmentsStream
	ordersStream
)

// stream is one stream up to a sequence number. A bucket is one of them.
type stream struct {
	name     string // of the stream
	number   int
	prefix   string // of its subjects, which is no part of a key
	exists   bool
	last     uint64 // as far as it reached
	count    uint64 // messages then
	subjects uint64 // with any message, then
	config   jetstream.StreamConfig

	handles sync.Pool // of jetstream.Stream, each used by one at a time
}

func bucketOf(number int, bucket string) *stream {
	return &stream{name: protocol.BucketStream(bucket), number: number, prefix: protocol.BucketSubject(bucket, "")}
}

// message is one message of a stream.
type message struct {
	key     string // the subject without the prefix of the stream
	value   []byte
	header  nats.Header
	number  uint64
	stored  time.Time
	deleted bool // the mark of a deletion or an expiry
}

// chunk is how many messages go from who reads to who decodes at once.
const chunk = 256

// scan reads every message behind a sequence number that was in the stream when
// it was opened and still is. No key comes twice, and all the values were there at
// that moment, together. Decoding takes most of the time of an audit, so read is
// called by several goroutines; headers alone are read by one, in their order.
func (st *stream) scan(ctx context.Context, js jetstream.JetStream, after uint64, headersOnly bool, read func(*message)) error {
	if !st.exists || st.last <= after {
		return nil
	}
	chunks := make(chan []message, 4)
	var readers sync.WaitGroup
	several := runtime.GOMAXPROCS(0)
	if headersOnly {
		several = 1
	}
	for range several {
		readers.Go(func() {
			for c := range chunks {
				for i := range c {
					read(&c[i])
				}
			}
		})
	}
	err := st.pull(ctx, js, after, headersOnly, chunks)
	close(chunks)
	readers.Wait()
	if err != nil {
		return fmt.Errorf("reading %s: %w", st.name, err)
	}
	return nil
}

// pull reads the messages into chunks.
func (st *stream) pull(ctx context.Context, js jetstream.JetStream, after uint64, headersOnly bool, chunks chan<- []message) error {
	consumer, err := js.OrderedConsumer(ctx, st.name, jetstream.OrderedConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: after + 1, HeadersOnly: headersOnly,
		InactiveThreshold: readTimeout,
	})
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTimeout)
		defer cancel()
		// If it fails, the server forgets the consumer by itself.
		_ = js.DeleteConsumer(ctx, st.name, consumer.CachedInfo().Name)
	}()
	if consumer.CachedInfo().NumPending == 0 {
		return nil
	}
	return st.consume(ctx, consumer, chunks)
}

// pullSize is how many messages the server sends ahead.
const pullSize = 4096

// errStalled says that nothing came any more, although there is something.
var errStalled = fmt.Errorf("no message came for %s", 2*readTimeout)

// consume puts what a consumer delivers into chunks, until the end is reached.
func (st *stream) consume(ctx context.Context, consumer jetstream.Consumer, chunks chan<- []message) error {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	p := puller{st: st, chunks: chunks, ctx: ctx, end: end}
	consuming, err := consumer.Consume(p.take, jetstream.PullMaxMessages(pullSize))
	if err != nil {
		return err
	}
	defer p.close()
	defer consuming.Stop()
	tick := time.NewTicker(2 * readTimeout)
	defer tick.Stop()
	for seen := uint64(0); ; seen = p.count.Load() {
		select {
		case <-ctx.Done():
			if err := context.Cause(ctx); !errors.Is(err, errComplete) {
				return err
			}
			return nil
		case <-consuming.Closed():
			end(nats.ErrConnectionClosed)
		case <-tick.C:
			if seen == p.count.Load() {
				end(errStalled)
			}
		}
	}
}

// errComplete ends a puller that has all.
var errComplete = errors.New("all was read")

// puller takes messages as they come.
type puller struct {
	st     *stream
	chunks chan<- []message
	ctx    context.Context
	end    context.CancelCauseFunc
	count  atomic.Uint64

	mu     sync.Mutex
	next   []message
	closed bool
}

func (p *puller) take(m jetstream.Msg) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.ctx.Err() != nil {
		return
	}
	p.count.Add(1)
	meta, err := m.Metadata()
	if err != nil {
		p.end(err)
		return
	}
	if p.next == nil {
		p.next = make([]message, 0, chunk)
	}
	if meta.Sequence.Stream <= p.st.last {
		p.next = append(p.next, p.st.message(m, meta))
	}
	done := meta.Sequence.Stream >= p.st.last || meta.NumPending == 0
	if done || len(p.next) == chunk {
		select {
		case p.chunks <- p.next:
			p.next = nil
		case <-p.ctx.Done():
			return
		}
	}
	if done {
		p.end(errComplete)
	}
}

// close waits for a message that is being taken; none is taken any more.
func (p *puller) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
}

func (st *stream) message(m jetstream.Msg, meta *jetstream.MsgMetadata) message {
	h := m.Headers()
	return message{
		key: strings.TrimPrefix(m.Subject(), st.prefix), value: m.Data(), header: h,
		number: meta.Sequence.Stream, stored: meta.Timestamp, deleted: isDeletion(h),
	}
}

// isDeletion tells the mark that a deletion, or an expiry, has left from a value.
func isDeletion(h nats.Header) bool {
	return h.Get("KV-Operation") != "" || h.Get(jetstream.MarkerReasonHeader) != ""
}

// at reads a message by its number; ok is false if it is gone.
func (st *stream) at(ctx context.Context, nc *nats.Conn, number uint64) (key string, header nats.Header, ok bool, err error) {
	entry, err := store.MessageAt(ctx, nc, st.name, number)
	if isNotFound(err) {
		return "", nil, false, nil
	}
	return strings.TrimPrefix(entry.Key, st.prefix), entry.Header, err == nil, err
}

// keys lists the keys that match a pattern, from the leader.
func (st *stream) keys(ctx context.Context, js jetstream.JetStream, pattern string) (map[string]uint64, error) {
	if !st.exists {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	handle, _ := st.handles.Get().(jetstream.Stream)
	if handle == nil {
		var err error
		if handle, err = js.Stream(ctx, st.name); err != nil {
			return nil, fmt.Errorf("listing keys of %s: %w", st.name, err)
		}
	}
	info, err := handle.Info(ctx, jetstream.WithSubjectFilter(st.prefix+pattern))
	if err != nil {
		return nil, fmt.Errorf("listing keys of %s: %w", st.name, err)
	}
	st.handles.Put(handle)
	return info.State.Subjects, nil
}
