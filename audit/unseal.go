package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"amends/saga"
)

// readHead reads a record as far as it concerns the audit.
func readHead(value []byte) (r record, err error) {
	ok := members(value, func(name, value []byte) bool {
		switch string(name) {
		case "saga_id":
			return setText(&r.SagaID, value)
		case "definition":
			return setText(&r.Definition, value)
		case "phase":
			return setText(&r.Phase, value)
		case "owner":
			return setText(&r.Owner, value)
		case "epoch":
			return setInt(&r.Epoch, value)
		case "tip":
			return setText(&r.Tip, value)
		case "events":
			return items(value, func(item []byte) bool {
				r.Events = append(r.Events, item)
				return true
			})
		}
		return true
	})
	if ok {
		return r, nil
	}
	r = record{}
	return r, json.Unmarshal(value, &r)
}

// unseal checks a chain of events and decodes them. It is saga.Unseal, which has
// the last word on whatever is not as usual.
func unseal(raws []json.RawMessage, tip string) ([]saga.Event, error) {
	events := make([]saga.Event, len(raws))
	var prev []byte
	var sum [sha256.Size]byte
	hash := make([]byte, 32)
	for i, raw := range raws {
		seq, before, ok := readEvent(raw, &events[i])
		if !ok || seq != i+1 || !bytes.Equal(before, prev) {
			return saga.Unseal(raws, tip)
		}
		sum = sha256.Sum256(raw)
		hex.Encode(hash, sum[:16])
		prev = hash
	}
	if string(prev) != tip {
		return saga.Unseal(raws, tip)
	}
	return events, nil
}

// readEvent decodes an event of the usual kinds; ok is false for any other.
func readEvent(raw []byte, e *saga.Event) (seq int, prev []byte, ok bool) {
	ok = members(raw, func(name, value []byte) (ok bool) {
		switch string(name) {
		case "seq":
			return setInt(&seq, value)
		case "prev":
			prev, ok = text(value)
			return ok
		case "type":
			return setText(&e.Type, value)
		case "at":
			return setInt(&e.At, value)
		case "step":
			return setInt(&e.Step, value)
		case "attempt":
			return setInt(&e.Attempt, value)
		case "via":
			return setText(&e.Via, value)
		case "fields":
			return setRaw(&e.Fields, value)
		case "code":
			return setText(&e.Code, value)
		case "decline_code":
			return setText(&e.DeclineCode, value)
		case "message":
			return setText(&e.Message, value)
		case "start":
			e.Start = &saga.Start{}
			return readStart(value, e.Start)
		case "times": // when it was sent and answered: nothing here depends on it
			return true
		}
		return false
	})
	return seq, prev, ok
}

func readStart(raw []byte, s *saga.Start) bool {
	return members(raw, func(name, value []byte) bool {
		switch string(name) {
		case "saga_id":
			return setText(&s.SagaID, value)
		case "order_id":
			return setText(&s.OrderID, value)
		case "definition":
			return setText(&s.Definition, value)
		case "definition_hash":
			return setText(&s.DefinitionHash, value)
		case "request":
			return setRaw(&s.Request, value)
		case "request_hash":
			return setText(&s.RequestHash, value)
		case "trace_parent":
			return setText(&s.TraceParent, value)
		case "secret":
			return setText(&s.Secret, value)
		case "callbacks":
			return setText(&s.Callbacks, value)
		}
		return false
	})
}
