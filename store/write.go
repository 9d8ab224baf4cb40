package store

import (
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Write is one value to store.
type Write struct {
	Key      string
	Value    []byte
	Revision uint64 // the revision that is replaced; 0 if the key must not exist
	Any      bool   // replace whatever the key holds; Revision counts for nothing then
	Delete   bool   // leave a mark instead of a value

	// Last, if set, also demands that this is the last sequence number of the
	// whole bucket: the writer has seen everything there is. Such a write goes
	// alone.
	Last *uint64

	Header nats.Header   // of the caller; may be nil
	TTL    time.Duration // after which the value vanishes; 0 is never, else at least a second

	subject string
}

// message builds the NATS message of the write.
func (w *Write) message(reply string) *nats.Msg {
	m := nats.NewMsg(w.subject)
	m.Reply, m.Data = reply, w.Value
	for name, values := range w.Header {
		m.Header[name] = values
	}
	if !w.Any {
		m.Header[jetstream.ExpectedLastSubjSeqHeader] = []string{strconv.FormatUint(w.Revision, 10)}
	}
	if w.Delete {
		m.Header[operationHeader] = []string{operationDelete}
	}
	if w.Last != nil {
		m.Header[jetstream.ExpectedLastSeqHeader] = []string{strconv.FormatUint(*w.Last, 10)}
	}
	if w.TTL > 0 {
		m.Header[jetstream.MsgTTLHeader] = []string{strconv.FormatInt(int64(w.TTL/time.Second), 10)}
	}
	return m
}
