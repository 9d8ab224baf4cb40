package stdio

import (
	"cmp"
	"encoding/json"
	"time"

	"amends/protocol"

	"github.com/nats-io/nuid"
)

// waitMS is how long the orchestrator is asked to wait for the end of a saga
// before it answers that the saga still runs; then it is asked again.
const (
	waitMS      int64 = protocol.MaxWaitMS
	longestWait       = time.Duration(waitMS) * time.Millisecond
)

// startCheckout starts a checkout for a client (S0-06) and tells it the end
// (S0-13, S0-17, A6), after the steps. A client that says how long it waits is also
// told that the checkout still runs then.
func (s *session) startCheckout(r *request) error {
	var start protocol.StartRequest
	if _, err := protocol.Decode(r.body, &start); err != nil {
		return err
	}
	if err := cmp.Or(start.ValidateEnvelope(), protocol.CheckBare(r.body)); err != nil {
		return err
	}
	wait, impatient := waitMS, start.WaitMS != nil
	if impatient {
		wait = *start.WaitMS
	}
	start.SagaID = cmp.Or(start.SagaID, nuid.Next())
	body, err := startBody(r.body, start.SagaID, wait)
	if err != nil {
		return err
	}
	again, err := startBody(r.body, start.SagaID, waitMS)
	if err != nil {
		return err
	}
	s.watch(start.SagaID, r)
	s.ask(&question{
		subject: protocol.SubjectStart, body: body, wait: time.Duration(wait) * time.Millisecond, sagaID: start.SagaID,
		fail: func(err error) { s.unwatch(start.SagaID); s.refuse(r, err) },
		tell: func(answer []byte) []byte {
			if outcome, runs := s.running(answer); runs {
				if impatient {
					s.answer(r, encode(outcome))
				}
				impatient = false
				return again
			}
			s.unwatch(start.SagaID)
			s.answer(r, withoutEcho(answer))
			return nil
		},
	})
	return nil
}

// startBody is what a client sent, since each definition has fields of its own, with
// the id and the wait of this session. Sent again it is the same checkout (A7).
func startBody(sent []byte, sagaID string, wait int64) ([]byte, error) {
	return protocol.WithFields(sent, map[string]json.RawMessage{"saga_id": encode(sagaID), "wait_ms": encode(wait)})
}

// running tells whether an answer says that the saga still has something to do by
// itself.
func (s *session) running(answer []byte) (protocol.Outcome, bool) {
	var o protocol.Outcome
	if err := json.Unmarshal(answer, &o); err != nil || o.Type != protocol.TypeCheckoutAccepted {
		return o, false
	}
	o.InReplyTo = nil
	return o, o.Status == protocol.StatusPending || o.Status == protocol.StatusCompensating
}

// withoutEcho is an answer of the orchestrator without in_reply_to, which stands
// last in the lines of a session.
func withoutEcho(answer []byte) []byte {
	var o protocol.Outcome
	if refusal(answer) != nil || json.Unmarshal(answer, &o) != nil {
		return answer
	}
	o.InReplyTo = nil
	return encode(o)
}
