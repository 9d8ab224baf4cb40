package store_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"

	"amends/protocol"
	"amends/store"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// message is a value for the bucket of these tests, to be stored behind the given
// sequence number.
func message(key string, after uint64) *nats.Msg {
	m := nats.NewMsg(protocol.BucketSubject("THINGS", key))
	m.Data = []byte(key)
	m.Header.Set(jetstream.ExpectedLastSeqHeader, strconv.FormatUint(after, 10))
	return m
}

func publish(t *testing.T, w *store.Writer, messages ...*nats.Msg) (uint64, error) {
	t.Helper()
	type result struct {
		last uint64
		err  error
	}
	done := make(chan result, 1)
	w.PublishBatch(messages, func(ack jetstream.PubAck, err error) { done <- result{ack.Sequence, err} })
	select {
	case r := <-done:
		return r.last, r.err
	case <-t.Context().Done():
		return 0, t.Context().Err()
	}
}

// TestABatchIsAllOrNothing: one guard on the first message holds for all of them.
func TestABatchIsAllOrNothing(t *testing.T) {
	b, w, _ := open(t, 0)
	last := put(t, b, store.Write{Key: "first"})
	batch := func(after uint64) []*nats.Msg {
		messages := []*nats.Msg{message("a", after), message("b", after), message("c", after)}
		for _, m := range messages[1:] {
			m.Header.Del(jetstream.ExpectedLastSeqHeader)
		}
		return messages
	}
	got, err := publish(t, w, batch(last)...)
	if err != nil || got != last+3 {
		t.Fatalf("stored up to %d, want %d: %v", got, last+3, err)
	}
	if _, err := publish(t, w, batch(last)...); !errors.Is(err, store.ErrConflict) {
		t.Errorf("a batch behind the times: %v", err)
	}
	for i, key := range []string{"a", "b", "c"} {
		e, err := b.Get(t.Context(), key)
		if err != nil || e.Revision != last+1+uint64(i) || store.IsPart(e.Header) != (i < 2) {
			t.Errorf("%s is at %d, and %v that there is more: %v", key, e.Revision, store.IsPart(e.Header), err)
		}
	}
}

// TestABatchThatCannotBeSentIsNotStored: without a connection nothing is kept for
// later.
func TestABatchThatCannotBeSentIsNotStored(t *testing.T) {
	_, w, server := open(t, 0)
	server.Stop()
	_, err := publish(t, w, message("a", 0), message("b", 0))
	if !errors.Is(err, store.ErrUnavailable) && !errors.Is(err, store.ErrUnknown) {
		t.Errorf("got %v", err)
	}
}

// TestAFollowerBeginsWhereItIsTold: values below the revision are left out, and
// what comes later is seen.
func TestAFollowerBeginsWhereItIsTold(t *testing.T) {
	b, _, _ := open(t, 0)
	var revisions []uint64
	for i := range 4 {
		revisions = append(revisions, put(t, b, store.Write{Key: fmt.Sprintf("k%d", i)}))
	}
	for name, test := range map[string]struct {
		from uint64
		want string
	}{
		"from the beginning": {0, "k0 k1 k2 k3 new "},
		"from the middle":    {revisions[2], "k2 k3 new "},
		"from beyond":        {revisions[3] + 1, "new "},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			var seen string
			fresh := put(t, b, store.Write{Key: "new", Revision: revisionOf(t, b, "new")})
			err := b.FollowFrom(ctx, test.from, func(f store.Followed) {
				if f.Key != "new" || f.Revision == fresh {
					seen += f.Key + " "
				}
				if f.Revision == fresh {
					cancel()
				}
			}, func() {})
			if seen != test.want {
				t.Errorf("saw %q, want %q (%v)", seen, test.want, err)
			}
		})
	}
}

// TestAValueIsReadByItsRevision as long as nothing has replaced it.
func TestAValueIsReadByItsRevision(t *testing.T) {
	b, _, _ := open(t, 0)
	first := put(t, b, store.Write{Key: "k", Value: []byte("1"), Header: nats.Header{"X": {"y"}}})
	if e, err := b.At(t.Context(), first); err != nil || string(e.Value) != "1" || e.Header.Get("X") != "y" || e.Revision != first {
		t.Errorf("got %+v, %v", e, err)
	}
	put(t, b, store.Write{Key: "k", Value: []byte("2"), Revision: first})
	for _, revision := range []uint64{first, first + 7} {
		if e, err := b.At(t.Context(), revision); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("revision %d: got %+v, %v", revision, e, err)
		}
	}
}

func revisionOf(t *testing.T, b *store.Bucket, key string) uint64 {
	t.Helper()
	e, err := b.Get(t.Context(), key)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		t.Fatal(err)
	}
	return e.Revision
}
