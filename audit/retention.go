package audit

import (
	"fmt"
	"strings"
	"time"
)

// Entries in the metadata of the stream of SAGAS that say how long the records of
// ended sagas are kept ("0s" is for ever), and how long they were kept before:
// "1h0m0s until 2026-01-31T00:00:00Z", several are parted by a comma and a space.
const (
	metadataRetention = "amends.retention"
	metadataBefore    = "amends.retention.before"
)

// retentions are all by which records may have expired. A record expires by the one
// that was in use when its saga ended.
type retentions []retention

// retention is how long records were kept until some time; the zero time is that it
// is in use.
type retention struct {
	kept  time.Duration
	until time.Time
}

// isExpired tells whether the record of a saga may be gone now, whose latest effect
// was stored then: its saga ended later, by a retention that was in use later.
func (all retentions) isExpired(stored, now time.Time) bool {
	for _, r := range all {
		inUse := r.until.IsZero() || r.until.After(stored)
		if inUse && isExpired(now.Sub(stored), r.kept) {
			return true
		}
	}
	return false
}

// isExpired tells whether the record of a saga may be gone by now, whose latest
// effect is that old. A record lives from the end of its saga, which comes after
// the last effect. The margin is for clocks that differ, and for a time to live
// that counts whole seconds.
func isExpired(age, retention time.Duration) bool {
	return retention > 0 && age > retention-retention/100-time.Second
}

func retentionsOf(sagas *stream) (all retentions, err error) {
	metadata := sagas.config.Metadata
	if text := metadata[metadataRetention]; text != "" {
		var now retention
		if now.kept, err = time.ParseDuration(text); err != nil {
			return nil, fmt.Errorf("reading %s of %s: %w", metadataRetention, sagas.name, err)
		}
		all = append(all, now)
	}
	text := metadata[metadataBefore]
	if text == "" {
		return all, nil
	}
	for entry := range strings.SplitSeq(text, ", ") {
		before, err := parseRetention(entry)
		if err != nil {
			return nil, fmt.Errorf("reading %s of %s: %w", metadataBefore, sagas.name, err)
		}
		all = append(all, before)
	}
	return all, nil
}

func parseRetention(text string) (r retention, err error) {
	kept, until, _ := strings.Cut(text, " until ")
	if r.kept, err = time.ParseDuration(kept); err != nil {
		return r, err
	}
	r.until, err = time.Parse(time.RFC3339, until)
	return r, err
}
