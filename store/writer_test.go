package store

import (
	"errors"
	"testing"

	"github.com/nats-io/nats.go"
)

func TestAcknowledgementsAreRead(t *testing.T) {
	for _, c := range []struct {
		name, text string
		sequence   uint64
		err        error
	}{
		{"plain", `{"stream":"KV_A","seq":42}`, 42, nil},
		{"with spaces", `{"stream":"KV_A", "seq":42}`, 42, nil},
		{"duplicate", `{"stream":"KV_A","seq":42,"duplicate":true}`, 42, nil},
		{"batch", `{"stream":"KV_A","seq":42,"batch":"b","count":3}`, 42, nil},
		{"conflict", `{"error":{"code":400,"err_code":10071,"description":"wrong last sequence: 4"},"stream":"KV_A","seq":0}`, 0, ErrConflict},
		{"conflict in flight", `{"error":{"code":400,"err_code":10164,"description":"wrong last sequence"},"stream":"KV_A","seq":0}`, 0, ErrConflict},
		{"full", `{"error":{"code":503,"err_code":10077,"description":"maximum messages exceeded"},"stream":"A","seq":0}`, 0, ErrRefused},
		{"not an acknowledgement", `hello`, 0, ErrUnknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			ack, err := parseAck(&nats.Msg{Data: []byte(c.text)})
			if ack.Sequence != c.sequence || !errors.Is(err, c.err) {
				t.Errorf("got %d, %v", ack.Sequence, err)
			}
		})
	}
}

func TestFullAndTakenAreTold(t *testing.T) {
	full := `{"error":{"code":503,"err_code":10077,"description":"maximum messages exceeded"}}`
	taken := `{"error":{"code":503,"err_code":10077,"description":"maximum messages per subject exceeded"}}`
	_, err := parseAck(&nats.Msg{Data: []byte(full)})
	if !IsFull(err) || IsSubjectTaken(err) {
		t.Errorf("full is told as %v", err)
	}
	_, err = parseAck(&nats.Msg{Data: []byte(taken)})
	if IsFull(err) || !IsSubjectTaken(err) {
		t.Errorf("taken is told as %v", err)
	}
}

// A round holds each key once, since a batch may check it only once, and keeps
// the order of the others.
func TestARoundHoldsEachKeyOnce(t *testing.T) {
	var waiting []*grouped
	for _, subject := range []string{"a", "b", "a", "c", "b"} {
		waiting = append(waiting, &grouped{write: &Write{subject: subject}})
	}
	subjects := func(list []*grouped) (text string) {
		for _, w := range list {
			text += w.write.subject
		}
		return text
	}
	round, rest := split(waiting)
	if subjects(round) != "abc" || subjects(rest) != "ab" {
		t.Errorf("round %s, rest %s", subjects(round), subjects(rest))
	}
}
