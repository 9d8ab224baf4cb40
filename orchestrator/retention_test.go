package orchestrator

import (
	"strings"
	"testing"
	"time"

	"amends/protocol"
)

// TestRetentionsAreRemembered: whoever audits has to know by which retentions
// records have expired (I5).
func TestRetentionsAreRemembered(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for _, c := range []struct {
		retention time.Duration
		before    []string
	}{
		{time.Hour, nil},
		{time.Hour, nil},
		{48 * time.Hour, []string{"1h0m0s"}},
		{0, []string{"1h0m0s", "48h0m0s"}},
		{24 * time.Hour, []string{"1h0m0s", "48h0m0s"}}, // nothing expires by 0
		{time.Hour, []string{"1h0m0s", "24h0m0s"}},      // less than 48 hours, and later
	} {
		o := s.orchestrator("o1", func(cfg *Config) { cfg.Retention = c.retention })
		stream, err := o.js.Stream(t.Context(), protocol.BucketStream(protocol.BucketSagas))
		s.must(err)
		metadata := stream.CachedInfo().Config.Metadata
		s.stop(o)
		all, err := parseRetired(metadata[metadataBefore])
		s.must(err)
		var before []string
		for _, r := range all {
			before = append(before, r.retention.String())
			if left := time.Until(r.until); left < overlap/2 || left > overlap {
				t.Errorf("%s is in use for another %s", r.retention, left)
			}
		}
		if metadata[metadataRetention] != c.retention.String() || strings.Join(before, " ") != strings.Join(c.before, " ") {
			t.Errorf("with %s: %q", c.retention, metadata)
		}
	}
}

// TestRetentionsAreBounded: of too many the oldest two become one, which is not
// kinder than any of them.
func TestRetentionsAreBounded(t *testing.T) {
	t.Parallel()
	now, before, err := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), "", error(nil)
	for n := range maxBefore + 1 {
		if before, err = retire(before, (time.Duration(n+1) * time.Hour).String(), now.AddDate(0, n, 0)); err != nil {
			t.Fatal(err)
		}
	}
	all, err := parseRetired(before)
	if err != nil || len(all) != maxBefore || all[0] != (retired{time.Hour, now.AddDate(0, 1, 0).Add(overlap)}) {
		t.Errorf("%d are left, first %+v, error %v", len(all), all[0], err)
	}
	for _, wrong := range []string{"1h", "1h until noon", "long until 2026-01-01T00:00:00Z"} {
		if _, err := retire(wrong, "1h", now); err == nil {
			t.Errorf("%q is read", wrong)
		}
	}
}
