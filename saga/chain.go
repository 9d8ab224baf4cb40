package saga

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// Genesis is what the first event of a journal has for its predecessor.
const Genesis = ""

// link is an event as the journal keeps it: numbered, and holding the hash of
// the event before it. A journal with a gap, a lost tail or a changed byte does
// not pass Unseal.
type link struct {
	Seq  int    `json:"seq"`
	Prev string `json:"prev,omitempty"`
	Event
}

// Seal encodes an event as link number seq behind the link with hash prev, and
// returns the bytes and their hash. The bytes must be stored as they are.
func Seal(seq int, prev string, e *Event) (raw []byte, hash string, err error) {
	raw, err = json.Marshal(link{Seq: seq, Prev: prev, Event: *e})
	if err != nil {
		return nil, "", fmt.Errorf("sealing event %d: %w", seq, err)
	}
	return raw, hashOf(raw), nil
}

// asSealed returns fields with the bytes that they will have when they come back
// from the journal: compact, and with < > & escaped. Without it a command that is
// built again after a crash differs from the one that was sent before, and the
// participant refuses a known command with other content (D7).
func asSealed(fields map[string]json.RawMessage) map[string]json.RawMessage {
	if len(fields) == 0 {
		return nil
	}
	sealed := make(map[string]json.RawMessage, len(fields))
	for name, value := range fields {
		if !isPlain(value) {
			value = compact(value)
		}
		sealed[name] = value
	}
	return sealed
}

// isPlain reports whether a value has none of the bytes that would be changed:
// hardly any value has.
func isPlain(value json.RawMessage) bool {
	for _, c := range value {
		if c <= ' ' || c == '<' || c == '>' || c == '&' || c >= 0x80 {
			return false
		}
	}
	return len(value) > 0
}

func compact(value json.RawMessage) json.RawMessage {
	text, err := json.Marshal(value)
	if err != nil {
		return value // not JSON: Seal will refuse the event
	}
	return text
}

// Unseal checks a chain of links up to its tip and returns the events.
func Unseal(raws []json.RawMessage, tip string) ([]Event, error) {
	events := make([]Event, len(raws))
	prev := Genesis
	for i, raw := range raws {
		var l link
		if err := json.Unmarshal(raw, &l); err != nil {
			return nil, &ChainError{Seq: i + 1, Problem: "is not readable"}
		}
		if l.Seq != i+1 {
			return nil, &ChainError{Seq: i + 1, Problem: fmt.Sprintf("is numbered %d", l.Seq)}
		}
		if l.Prev != prev {
			return nil, &ChainError{Seq: i + 1, Problem: "does not follow from the event before it"}
		}
		events[i], prev = l.Event, hashOf(raw)
	}
	if prev != tip {
		return nil, &ChainError{Seq: len(raws), Problem: "is not the tip of the chain"}
	}
	return events, nil
}

// hashOf is half of a SHA-256: 128 bits are plenty to notice damage.
func hashOf(raw []byte) string {
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:16])
}

// ChainError says where a journal is broken. The saga must not be continued
// from it.
type ChainError struct {
	Seq     int
	Problem string
}

func (e *ChainError) Error() string { return fmt.Sprintf("event %d %s", e.Seq, e.Problem) }

// ReplayError says which event of a journal does not apply to the state before
// it.
type ReplayError struct {
	Seq  int
	Type EventType
}

func (e *ReplayError) Error() string {
	return fmt.Sprintf("event %d (%s) does not apply to the state before it", e.Seq, e.Type)
}
