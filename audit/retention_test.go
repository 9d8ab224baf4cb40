package audit_test

import (
	"testing"
	"time"

	"amends/audit"
	"amends/protocol"
)

// TestALongerRetentionMakesNoOrphans: a record expires by the retention that was in
// use when its saga ended, not by the one that is in use now (I5).
func TestALongerRetentionMakesNoOrphans(t *testing.T) {
	t.Parallel()
	at := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(time.RFC3339) }
	for name, c := range map[string]struct {
		before string
		ok     bool
	}{
		"always the same":      {"", false},
		"was shorter":          {"1s until " + at(time.Hour), true},
		"was shorter, earlier": {"1s until " + at(-time.Hour), false},
		"was longer":           {"48h0m0s until " + at(time.Hour), false},
		"one of several":       {"1s until " + at(-time.Hour) + ", 1s until " + at(time.Hour), true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSystem(t, 24*time.Hour, allBuckets...)
			s.before(c.before)
			s.putRows(completed("gone"))
			s.putStock("abc123", 2)
			s.putStock("xyz789", 1)
			if r := s.audit(); r.OK() != c.ok {
				t.Errorf("found %+v", r.Findings)
			}
		})
	}
	s := newSystem(t, 24*time.Hour, allBuckets...)
	s.before("1h until noon")
	if _, err := audit.Run(s.ctx, s.nc, terms); err == nil {
		t.Error("a retention that nobody can read is read")
	}
}

// before says which retentions were in use before.
func (s *system) before(text string) {
	s.t.Helper()
	if text == "" {
		return
	}
	stream, err := s.js.Stream(s.ctx, protocol.BucketStream(protocol.BucketSagas))
	must(s.t, err)
	cfg := stream.CachedInfo().Config
	cfg.Metadata["amends.retention.before"] = text
	_, err = s.js.UpdateStream(s.ctx, cfg)
	must(s.t, err)
}
