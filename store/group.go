package store

import (
	"errors"
	"strconv"
	"sync"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
)

// maxBatch bounds an atomic batch; the server takes 1,000.
const maxBatch = 500

// group is the group commit of one bucket. While one round of writes is on its
// way the next one gathers; a round of many goes as one atomic batch, which the
// server syncs to disk once, a round of few as single writes.
type group struct {
	writer  *Writer
	batchID string

	mu      sync.Mutex
	busy    bool // a round is on its way
	waiting []*grouped
	rounds  uint64
}

// grouped is a write in a group.
type grouped struct {
	write *Write
	done  func(revision uint64, err error)
}

func (g *group) add(w *grouped) {
	g.mu.Lock()
	g.waiting = append(g.waiting, w)
	g.next()
}

// next starts a round if there is something to write and none is on its way. It
// is called with the lock held, and gives it back.
func (g *group) next() {
	if g.busy || len(g.waiting) == 0 {
		g.mu.Unlock()
		return
	}
	round, rest := split(g.waiting)
	g.waiting, g.busy = rest, true
	g.rounds++
	id := g.batchID + strconv.FormatUint(g.rounds, 36)
	g.mu.Unlock()
	if len(round) < g.writer.groupFrom {
		g.singles(round)
		return
	}
	g.batch(id, round)
}

// split takes the writes of the next round: at most maxBatch, and none on a key
// that the round has already, since a batch may check a key only once.
func split(waiting []*grouped) (round, rest []*grouped) {
	seen := make(map[string]bool, len(waiting))
	for _, w := range waiting {
		if len(round) < maxBatch && !seen[w.write.subject] {
			seen[w.write.subject] = true
			round = append(round, w)
			continue
		}
		rest = append(rest, w)
	}
	return round, rest
}

// singles sends the writes of a round one by one, without waiting in between.
func (g *group) singles(round []*grouped) {
	var left sync.WaitGroup
	left.Add(len(round))
	for _, w := range round {
		g.writer.single(w.write, func(revision uint64, err error) {
			w.done(revision, err)
			left.Done()
		})
	}
	go func() {
		left.Wait()
		g.finish()
	}()
}

// batch sends a round as one atomic batch. The server refuses a batch as a whole
// and does not say for which write: the round is then repeated one by one, which
// finds out.
func (g *group) batch(id string, round []*grouped) {
	messages := make([]*nats.Msg, len(round))
	for i, w := range round {
		messages[i] = w.write.message("")
	}
	g.writer.publishBatch(id, messages, func(ack jetstream.PubAck, err error) { g.settle(round, ack, err) })
}

// PublishBatch stores messages of one stream together, all of them or none, and
// calls done exactly once, from another goroutine. The acknowledgement has the
// sequence number of the last; those before it have the numbers right before. The
// server takes at most 1,000.
func (w *Writer) PublishBatch(messages []*nats.Msg, done func(ack jetstream.PubAck, err error)) {
	w.publishBatch(nuid.Next(), messages, done)
}

func (w *Writer) publishBatch(id string, messages []*nats.Msg, done func(jetstream.PubAck, error)) {
	last := len(messages) - 1
	for i, m := range messages {
		m.Header[headerBatchID] = []string{id}
		m.Header["Nats-Batch-Sequence"] = []string{strconv.Itoa(i + 1)}
		if i == last {
			m.Header[headerBatchCommit] = []string{"1"}
			w.publish(m, done)
			return
		}
		if err := w.nc.PublishMsg(m); err != nil {
			// The batch is never committed, so nothing of it is stored.
			go done(jetstream.PubAck{}, unsent(err))
			return
		}
	}
}

// Headers of the messages of a batch, which are stored with them.
const headerBatchID, headerBatchCommit = "Nats-Batch-Id", "Nats-Batch-Commit"

// IsPart tells a value that was stored together with the one behind it.
func IsPart(header nats.Header) bool {
	return header.Get(headerBatchID) != "" && header.Get(headerBatchCommit) == ""
}

// GroupFrom is the number of waiting writes from which an atomic batch is
// cheaper than single writes; 0 is never.
func (w *Writer) GroupFrom() int { return w.groupFrom }

func (g *group) settle(round []*grouped, ack jetstream.PubAck, err error) {
	if err != nil && !errors.Is(err, ErrUnknown) {
		g.singles(round)
		return
	}
	first := ack.Sequence - uint64(len(round)) + 1
	for i, w := range round {
		w.done(first+uint64(i), err)
	}
	g.finish()
}

func (g *group) finish() {
	g.mu.Lock()
	g.busy = false
	g.next()
}
