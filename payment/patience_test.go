package payment_test

import (
	"encoding/json"
	"strconv"
	"testing"

	"amends/protocol"

	"github.com/nats-io/nats.go"
)

// TestABankThatHasNotDecided is asked ever less often, so that the attempts of a
// saga last for seconds (D9).
func TestABankThatHasNotDecided(t *testing.T) {
	s := newShop(t, nil)
	for attempt, want := range map[int]int64{1: 200, 2: 400, 5: 3200} {
		m := nats.NewMsg(protocol.SubjectCharge)
		m.Data = encoded(t, charge("s", "u962", "1.00"))
		m.Header.Set(protocol.HeaderAttempt, strconv.Itoa(attempt))
		answer, err := s.client.RequestMsgWithContext(s.soon(), m)
		if err != nil {
			t.Fatal(err)
		}
		var told protocol.Trouble
		if err := json.Unmarshal(answer.Data, &told); err != nil || !told.Retryable || told.RetryAfterMS != want {
			t.Errorf("attempt %d is answered %s, want %d ms of patience", attempt, answer.Data, want)
		}
	}
}
