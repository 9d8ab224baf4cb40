package embedded_test

import (
	"strconv"
	"testing"
	"time"

	"amends/protocol"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
)

// D8: a reservation is remembered for longer than its saga, however long that is
// kept: who audits the saga looks for it.
func TestAReservationOutlivesItsSaga(t *testing.T) {
	for name, retention := range map[string]time.Duration{"a day": 24 * time.Hour, "a year": 365 * 24 * time.Hour, "for ever": 0} {
		t.Run(name, func(t *testing.T) {
			s := &shop{T: t, cfg: config(t, t.TempDir())}
			s.cfg.Log, s.cfg.Server.Listen, s.cfg.Retention = zerolog.Nop(), "127.0.0.1:0", retention
			s.open()
			nc, err := s.app.Conn(t.Context(), "test")
			s.must(err)
			s.client = nc
			var out protocol.Outcome
			s.ask(protocol.SubjectStart, `{"saga_id":"gone","user_id":"u42","items":[{"sku":"abc123","quantity":1}],"shipping_address":"undeliverable"}`, &out)
			if out.Status != protocol.StatusAborted {
				t.Fatalf("answered %+v", out)
			}
			saga, reservation := s.expiry(protocol.BucketSagas, "gone"), s.expiry(protocol.BucketInventory, "reservation.gone.1")
			if reservation != 0 && (saga == 0 || reservation <= saga) {
				t.Errorf("the saga is kept for %s, its reservation for %s", saga, reservation)
			}
		})
	}
}

// expiry is how long a value is kept; 0 is for ever.
func (s *shop) expiry(bucket, key string) time.Duration {
	s.Helper()
	js, err := jetstream.New(s.client)
	s.must(err)
	stream, err := js.Stream(s.Context(), protocol.BucketStream(bucket))
	s.must(err)
	m, err := stream.GetLastMsgForSubject(s.Context(), protocol.BucketSubject(bucket, key))
	s.must(err)
	text := m.Header.Get("Nats-TTL")
	if text == "" {
		return 0
	}
	if seconds, err := strconv.Atoi(text); err == nil {
		return time.Duration(seconds) * time.Second
	}
	kept, err := time.ParseDuration(text)
	s.must(err)
	return kept
}
