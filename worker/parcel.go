package worker

import (
	"slices"
	"strconv"
	"strings"

	"amends/protocol"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// maxBatch bounds the values of an atomic batch; the server takes 1,000. A single
// move may exceed it up to that.
const maxBatch = 500

// parcel is what goes to the server in one piece: a single value, or an atomic
// batch of all the values of some links.
//
// A single value names, as a condition, the message that must be the last of the
// bucket: that of the parcel before it, which need not be stored yet. Sequence
// numbers could not say that: when one is refused because another replica took
// its number, the next number is free, and a value decided without knowing of the
// other would take it. In a batch the server does not take that condition, so a
// batch is sent when nothing else is on its way, and names a sequence number.
type parcel struct {
	id    string
	links []*link
	keys  []string // of its values, in their order; none twice
	after uint64   // the sequence number right before it, once known
}

// pack makes the next parcel of some links.
func (c *chain) pack(links []*link) *parcel {
	c.parcels++
	p := &parcel{id: c.writer + "." + strconv.FormatUint(c.parcels, 36), links: slices.Clone(links)}
	for _, l := range links {
		l.parcel = p
	}
	if len(c.sent) == 0 {
		p.after = c.tip.sequence
	}
	return p
}

// messages are the values of a parcel, with their conditions. Of a key that
// several links change, only the last value is stored: nobody can see the others.
func (c *chain) messages(p *parcel) []*nats.Msg {
	var messages []*nats.Msg
	at := make(map[string]int)
	for _, l := range p.links {
		for _, put := range l.puts {
			if i, twice := at[put.key]; twice {
				messages[i].Data = put.value
				continue
			}
			at[put.key] = len(messages)
			p.keys = append(p.keys, put.key)
			messages = append(messages, c.message(put))
		}
	}
	c.guard(messages[0], len(messages) > 1)
	for i, m := range messages {
		m.Header[jetstream.MsgIDHeader] = []string{partID(p.id, len(messages)-1-i)}
	}
	return messages
}

func (c *chain) message(p put) *nats.Msg {
	m := nats.NewMsg(c.subject(p.key))
	m.Data = p.value
	if p.guarded {
		m.Header[jetstream.ExpectedLastSubjSeqHeader] = []string{strconv.FormatUint(p.revision, 10)}
	}
	if p.digest != "" {
		m.Header[protocol.HeaderDigest] = []string{p.digest}
	}
	if p.keep > 0 && c.expires {
		m.Header[jetstream.MsgTTLHeader] = []string{strconv.FormatInt(int64(p.keep.Seconds()), 10)}
	}
	return m
}

// guard demands that nothing is stored between the chain so far and a message.
func (c *chain) guard(m *nats.Msg, batch bool) {
	before := c.tip.id
	if n := len(c.sent); n > 0 {
		before = c.sent[n-1].id
	} else if c.tip.doubtful {
		before = ""
	}
	if batch || before == "" {
		m.Header[jetstream.ExpectedLastSeqHeader] = []string{strconv.FormatUint(c.tip.sequence, 10)}
		return
	}
	m.Header[jetstream.ExpectedLastMsgIDHeader] = []string{before}
}

// partID is the id of the message of a parcel that has so many behind it.
func partID(parcel string, left int) string {
	if left == 0 {
		return parcel
	}
	return parcel + "." + strconv.Itoa(left)
}

// splitID takes the id of a message apart: the parcel, and how many messages of
// it come behind this one. It returns "" for messages that are of no parcel.
func splitID(id string) (parcel string, left uint64) {
	parts := strings.Split(id, ".")
	if len(parts) < 2 || len(parts) > 3 {
		return "", 0
	}
	if len(parts) == 3 {
		n, err := strconv.ParseUint(parts[2], 10, 16)
		if err != nil {
			return "", 0
		}
		left = n
	}
	return parts[0] + "." + parts[1], left
}

// writerOf is the replica that wrote the message of an id; "" if none did. It will
// be a token of a subject.
func writerOf(id string) string {
	parcel, _ := splitID(id)
	writer, _, _ := strings.Cut(parcel, ".")
	if protocol.CheckID("writer", writer) != nil {
		return ""
	}
	return writer
}
