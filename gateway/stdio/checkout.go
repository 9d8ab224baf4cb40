package stdio

import (
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
	if err := start.Validate(); err != nil {
		return err
	}
	body := r.body
	if start.SagaID == "" {
		start.SagaID = nuid.Next()
		body = set(body, "saga_id", encode(start.SagaID))
	}
	wait := waitMS
	impatient := start.WaitMS != nil
	if impatient {
		wait = *start.WaitMS
	} else {
		body = set(body, "wait_ms", encode(waitMS))
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
				return again(start)
			}
			s.unwatch(start.SagaID)
			s.answer(r, withoutEcho(answer))
			return nil
		},
	})
	return nil
}

// again is a request for the end of a checkout that has begun. The same content is
// the same checkout (A7).
func again(start protocol.StartRequest) []byte {
	wait := waitMS
	start.WaitMS, start.MsgID = &wait, nil
	return encode(start)
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
