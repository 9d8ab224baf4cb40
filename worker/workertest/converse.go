package workertest

import (
	"testing"
	"time"
)

// Now is the time in every conversation, in microseconds since 1970 UTC.
const Now int64 = 1_700_000_000_000_000

// Exchange is a message to a participant and the answer it must get, byte by
// byte.
type Exchange struct{ Subject, Say, Hear string }

// Converse starts a participant and holds its answers against the expected ones,
// one after the other. The clock stands at Now.
func Converse(t *testing.T, p Participant, exchanges ...Exchange) {
	t.Helper()
	n := Server(t)
	cfg := n.Config(t)
	cfg.Now = func() time.Time { return time.UnixMicro(Now) }
	if p.Prepare != nil {
		p.Prepare(t, cfg)
	}
	Start(t, p, cfg)
	for _, e := range exchanges {
		m, err := cfg.Conn.Request(e.Subject, []byte(e.Say), patience)
		if err != nil {
			t.Fatal(err)
		}
		if string(m.Data) != e.Hear {
			t.Errorf("%s %s\ngot  %s\nwant %s", e.Subject, e.Say, m.Data, e.Hear)
		}
	}
}
