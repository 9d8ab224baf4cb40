package orchestrator

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"amends/protocol"
	"amends/store"
)

// Entries in the metadata of the stream of SAGAS. A record expires by the retention
// that was in use when its saga ended, so an audit has to know those before, too.
const (
	metadataRetention = "amends.retention"        // such as 2160h0m0s; 0s is for ever
	metadataBefore    = "amends.retention.before" // such as "1h0m0s until 2026-01-31T00:00:00Z, …"
)

const (
	// overlap is how long replicas may run side by side that were given different
	// retentions, while one is rolled out.
	overlap = 24 * time.Hour
	// maxBefore bounds the retentions that are remembered.
	maxBefore = 8
)

// retired is a retention that is not in use any more.
type retired struct {
	retention time.Duration
	until     time.Time
}

// openSagas opens the journal, and notes how long its records are kept.
func (o *Orchestrator) openSagas(ctx context.Context) (*store.Bucket, error) {
	cfg := store.Config{Name: protocol.BucketSagas, Replicas: o.cfg.Replicas}
	if _, err := store.Open(ctx, o.cfg.Writer, cfg); err != nil {
		return nil, err
	}
	var err error
	if cfg.Metadata, err = o.retentionMetadata(ctx); err != nil {
		return nil, err
	}
	return store.Open(ctx, o.cfg.Writer, cfg)
}

// retentionMetadata says how long records are kept from now on, and how long they
// were before.
func (o *Orchestrator) retentionMetadata(ctx context.Context) (map[string]string, error) {
	now := map[string]string{metadataRetention: o.cfg.Retention.String()}
	stream, err := o.js.Stream(ctx, protocol.BucketStream(protocol.BucketSagas))
	if err != nil {
		return nil, fmt.Errorf("reading the retention of %s: %w", protocol.BucketSagas, err)
	}
	metadata := stream.CachedInfo().Config.Metadata
	last := metadata[metadataRetention]
	if last == "" || last == now[metadataRetention] {
		return now, nil
	}
	before, err := retire(metadata[metadataBefore], last, o.cfg.Now())
	if err != nil {
		return nil, fmt.Errorf("the metadata of stream %s does not say how long records are kept; correct %s and %s there: %w",
			protocol.BucketStream(protocol.BucketSagas), metadataRetention, metadataBefore, err)
	}
	if before != "" {
		now[metadataBefore] = before
	}
	return now, nil
}

// retire adds the last retention to those before.
func retire(before, last string, now time.Time) (string, error) {
	retention, err := time.ParseDuration(last)
	if err != nil {
		return "", err
	}
	all, err := parseRetired(before)
	if err != nil || retention <= 0 {
		return before, err // for ever: nothing has expired by it
	}
	newest := retired{retention, now.Add(overlap)}
	// One that is longer, and ended earlier, says nothing more.
	all = append(slices.DeleteFunc(all, func(r retired) bool { return r.retention >= retention && !r.until.After(newest.until) }), newest)
	if len(all) > maxBefore { // take two for one: the shorter, for as long as the later
		all[1].retention = min(all[0].retention, all[1].retention)
		all = all[1:]
	}
	texts := make([]string, len(all))
	for i, r := range all {
		texts[i] = r.retention.String() + " until " + r.until.UTC().Format(time.RFC3339)
	}
	return strings.Join(texts, ", "), nil
}

func parseRetired(text string) (all []retired, err error) {
	if text == "" {
		return nil, nil
	}
	for entry := range strings.SplitSeq(text, ", ") {
		length, end, _ := strings.Cut(entry, " until ")
		r := retired{}
		if r.retention, err = time.ParseDuration(length); err != nil {
			return nil, err
		}
		if r.until, err = time.Parse(time.RFC3339, end); err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}
