package store

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
)

// ackTimeout is how long a write waits for its acknowledgement before its
// outcome is called unknown. It outlasts the election of a leader.
const ackTimeout = 10 * time.Second

// Writer sends writes and matches acknowledgements to them. All buckets of a
// process share one: one subscription takes all acknowledgements.
type Writer struct {
	nc        *nats.Conn
	inbox     string // ends in a dot
	sub       *nats.Subscription
	groupFrom int
	stop      chan struct{}

	mu      sync.Mutex
	token   uint64
	pending map[uint64]*pending
	groups  map[string]*group
	closed  bool
}

// pending is a publish whose acknowledgement is awaited.
type pending struct {
	done     func(ack jetstream.PubAck, err error)
	deadline time.Time
}

// NewWriter starts a writer on a connection, which must have no reconnect buffer
// (nats.ReconnectBufSize(-1)): a write must fail at once or be sent at once.
// groupFrom is the number of waiting writes from which an atomic batch is
// cheaper than single writes; 0 is never. Measure finds it.
func NewWriter(nc *nats.Conn, groupFrom int) (*Writer, error) {
	w := &Writer{
		nc: nc, inbox: nc.NewInbox() + ".", groupFrom: groupFrom, stop: make(chan struct{}),
		pending: make(map[uint64]*pending), groups: make(map[string]*group),
	}
	sub, err := nc.Subscribe(w.inbox+"*", w.onAck)
	if err != nil {
		return nil, err
	}
	if err := sub.SetPendingLimits(-1, -1); err != nil {
		return nil, err
	}
	w.sub = sub
	go w.expire()
	return w, nil
}

// Close fails all waiting writes with ErrUnknown and stops the writer.
func (w *Writer) Close() error {
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return nil
	}
	w.closed = true
	w.mu.Unlock()
	close(w.stop)
	w.failPending(func(*pending) bool { return true })
	return w.sub.Unsubscribe()
}

// submit sends a write alone, or through the group of its bucket.
func (w *Writer) submit(bucket string, write *Write, done func(uint64, error)) {
	if w.groupFrom > 0 && write.Last == nil {
		w.group(bucket).add(&grouped{write: write, done: done})
		return
	}
	w.single(write, done)
}

func (w *Writer) single(write *Write, done func(uint64, error)) {
	w.publish(write.message(""), func(ack jetstream.PubAck, err error) { done(ack.Sequence, err) })
}

// Publish sends a message to its stream and calls done exactly once, from
// another goroutine, with the acknowledgement.
func (w *Writer) Publish(m *nats.Msg, done func(ack jetstream.PubAck, err error)) {
	w.publish(m, done)
}

// PublishWait is Publish for a caller that waits.
func (w *Writer) PublishWait(ctx context.Context, m *nats.Msg) (jetstream.PubAck, error) {
	type result struct {
		ack jetstream.PubAck
		err error
	}
	done := make(chan result, 1)
	w.publish(m, func(ack jetstream.PubAck, err error) { done <- result{ack, err} })
	select {
	case r := <-done:
		return r.ack, r.err
	case <-ctx.Done():
		return jetstream.PubAck{}, ErrUnknown
	}
}

func (w *Writer) publish(m *nats.Msg, done func(jetstream.PubAck, error)) {
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		go done(jetstream.PubAck{}, ErrClosed)
		return
	}
	w.token++
	token := w.token
	w.pending[token] = &pending{done: done, deadline: time.Now().Add(ackTimeout)}
	w.mu.Unlock()
	m.Reply = w.inbox + strconv.FormatUint(token, 36)
	if err := w.nc.PublishMsg(m); err != nil {
		if p := w.take(token); p != nil {
			go p.done(jetstream.PubAck{}, unsent(err))
		}
	}
}

// unsent says why nothing was sent: the value can never be, or there is no
// connection now (without a reconnect buffer it is not sent later).
func unsent(err error) error {
	if errors.Is(err, nats.ErrMaxPayload) {
		return ErrTooLarge
	}
	return ErrUnavailable
}

func (w *Writer) take(token uint64) *pending {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.pending[token]
	delete(w.pending, token)
	return p
}

// onAck finds the write that an acknowledgement belongs to. Late ones, whose
// write was called unknown already, belong to nobody.
func (w *Writer) onAck(m *nats.Msg) {
	token, err := strconv.ParseUint(strings.TrimPrefix(m.Subject, w.inbox), 36, 64)
	if err != nil {
		return
	}
	p := w.take(token)
	if p == nil {
		return
	}
	p.done(parseAck(m))
}

func parseAck(m *nats.Msg) (jetstream.PubAck, error) {
	if len(m.Data) == 0 && m.Header.Get("Status") == "503" {
		return jetstream.PubAck{}, ErrUnavailable
	}
	if sequence, ok := plainAck(m.Data); ok {
		return jetstream.PubAck{Sequence: sequence}, nil
	}
	var ack struct {
		Error *jetstream.APIError `json:"error"`
		jetstream.PubAck
	}
	if err := json.Unmarshal(m.Data, &ack); err != nil {
		return jetstream.PubAck{}, ErrUnknown
	}
	if ack.Error != nil {
		return jetstream.PubAck{}, classify(ack.Error)
	}
	return ack.PubAck, nil
}

// plainAck reads the acknowledgement of a single write, {"stream":"…","seq":N},
// without the cost of a JSON decoder: it comes ten times per checkout. Any other
// form is left to the decoder.
func plainAck(data []byte) (sequence uint64, ok bool) {
	head, rest, found := bytes.Cut(data, []byte(`,"seq":`))
	digits, last := bytes.CutSuffix(rest, []byte("}"))
	if !found || !last || !bytes.HasPrefix(head, []byte(`{"stream":"`)) {
		return 0, false
	}
	sequence, err := strconv.ParseUint(string(bytes.TrimSpace(digits)), 10, 64)
	return sequence, err == nil
}

// expire calls writes unknown whose acknowledgement does not come.
func (w *Writer) expire() {
	tick := time.NewTicker(ackTimeout / 20)
	defer tick.Stop()
	back := w.nc.StatusChanged(nats.CONNECTED)
	defer w.nc.RemoveStatusListener(back)
	for {
		select {
		case <-w.stop:
			return
		case <-back:
			// What was on its way over the old connection is not acknowledged here.
			w.failPending(func(*pending) bool { return true })
		case now := <-tick.C:
			w.failPending(func(p *pending) bool { return now.After(p.deadline) })
		}
	}
}

func (w *Writer) failPending(which func(*pending) bool) {
	w.mu.Lock()
	var failed []*pending
	for token, p := range w.pending {
		if which(p) {
			failed = append(failed, p)
			delete(w.pending, token)
		}
	}
	w.mu.Unlock()
	for _, p := range failed {
		p.done(jetstream.PubAck{}, ErrUnknown)
	}
}

func (w *Writer) group(bucket string) *group {
	w.mu.Lock()
	defer w.mu.Unlock()
	g := w.groups[bucket]
	if g == nil {
		g = &group{writer: w, batchID: nuid.Next()}
		w.groups[bucket] = g
	}
	return g
}
