package store_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"amends/store"
	"amends/worker/workertest"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// patience is how long a test waits for something that must happen.
const patience = 20 * time.Second

// open makes a bucket on a server of its own.
func open(t testing.TB, groupFrom int) (*store.Bucket, *store.Writer, *workertest.NATS) {
	t.Helper()
	server := workertest.Server(t)
	w, err := store.NewWriter(server.Connect(t), groupFrom)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	b, err := store.Open(t.Context(), w, store.Config{Name: "THINGS"})
	if err != nil {
		t.Fatal(err)
	}
	return b, w, server
}

func put(t testing.TB, b *store.Bucket, w store.Write) uint64 {
	t.Helper()
	revision, err := b.Put(t.Context(), w)
	if err != nil {
		t.Fatalf("putting %s: %v", w.Key, err)
	}
	return revision
}

// both runs a test with single writes and with grouped ones: a caller must not
// see a difference.
func both(t *testing.T, test func(t *testing.T, groupFrom int)) {
	for name, groupFrom := range map[string]int{"single": 0, "grouped": 1} {
		t.Run(name, func(t *testing.T) { test(t, groupFrom) })
	}
}

func TestAStaleWriteIsRefused(t *testing.T) {
	both(t, func(t *testing.T, groupFrom int) {
		b, _, _ := open(t, groupFrom)
		first := put(t, b, store.Write{Key: "a", Value: []byte("1")})
		if _, err := b.Put(t.Context(), store.Write{Key: "a", Value: []byte("x")}); !errors.Is(err, store.ErrConflict) {
			t.Errorf("creating a key that exists: %v", err)
		}
		second := put(t, b, store.Write{Key: "a", Value: []byte("2"), Revision: first})
		if _, err := b.Put(t.Context(), store.Write{Key: "a", Value: []byte("x"), Revision: first}); !errors.Is(err, store.ErrConflict) {
			t.Errorf("replacing an old revision: %v", err)
		}
		e, err := b.Get(t.Context(), "a")
		if err != nil || string(e.Value) != "2" || e.Revision != second {
			t.Errorf("got %q at %d, %v", e.Value, e.Revision, err)
		}
	})
}

// Of many that write the same key at once, one wins, and all others know.
func TestOneOfManyWins(t *testing.T) {
	both(t, func(t *testing.T, groupFrom int) {
		b, _, _ := open(t, groupFrom)
		const racers = 50
		var won, lost int
		var mu sync.Mutex
		var all sync.WaitGroup
		for n := range racers {
			all.Go(func() {
				_, err := b.Put(t.Context(), store.Write{Key: "a", Value: fmt.Append(nil, n)})
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					won++
				case errors.Is(err, store.ErrConflict):
					lost++
				default:
					t.Errorf("racer %d: %v", n, err)
				}
			})
		}
		all.Wait()
		if won != 1 || lost != racers-1 {
			t.Errorf("%d won and %d lost", won, lost)
		}
	})
}

// A batch that holds one stale write stores all the others all the same, and
// gives each its own revision.
func TestAGroupIsNoCommonFate(t *testing.T) {
	b, _, _ := open(t, 1)
	put(t, b, store.Write{Key: "taken", Value: []byte("1")})
	var mu sync.Mutex
	revisions := make(map[string]uint64)
	failed := make(map[string]error)
	var all sync.WaitGroup
	for n := range 100 {
		key := fmt.Sprintf("k%d", n)
		if n == 50 {
			key = "taken"
		}
		all.Add(1)
		b.Submit(&store.Write{Key: key, Value: []byte("v")}, func(revision uint64, err error) {
			defer all.Done()
			mu.Lock()
			defer mu.Unlock()
			revisions[key] = revision
			if err != nil {
				failed[key] = err
			}
		})
	}
	all.Wait()
	if len(failed) != 1 || !errors.Is(failed["taken"], store.ErrConflict) {
		t.Errorf("failed: %v", failed)
	}
	for n := range 100 {
		key := fmt.Sprintf("k%d", n)
		if n == 50 {
			continue
		}
		if e, err := b.Get(t.Context(), key); err != nil || e.Revision != revisions[key] {
			t.Errorf("%s is at %d, the writer was told %d, %v", key, e.Revision, revisions[key], err)
		}
	}
}

// A guard on the whole bucket refuses a write when anything at all was written
// since.
func TestAGuardedWriteSeesEverything(t *testing.T) {
	b, _, _ := open(t, 0)
	last := put(t, b, store.Write{Key: "a", Value: []byte("1")})
	put(t, b, store.Write{Key: "b", Value: []byte("1")})
	if _, err := b.Put(t.Context(), store.Write{Key: "c", Value: []byte("1"), Last: &last}); !errors.Is(err, store.ErrConflict) {
		t.Errorf("a guard that is out of date: %v", err)
	}
	last++
	put(t, b, store.Write{Key: "c", Value: []byte("1"), Last: &last})
}

// What is not acknowledged is unknown; what cannot be sent is
// unavailable, and is not delivered later.
func TestAWriteWithoutAServerIsNotStoredLater(t *testing.T) {
	b, w, server := open(t, 0)
	server.Stop()
	_, err := b.Put(t.Context(), store.Write{Key: "a", Value: []byte("1")})
	if !errors.Is(err, store.ErrUnavailable) && !errors.Is(err, store.ErrUnknown) {
		t.Errorf("got %v", err)
	}
	server.Start(t)
	again, err := store.NewWriter(server.Connect(t), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = again.Close() }()
	other, err := store.Open(t.Context(), again, store.Config{Name: "THINGS"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Get(t.Context(), "a"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the write appeared: %v", err)
	}
	_ = w
}

func TestAClosedWriterSaysSo(t *testing.T) {
	b, w, _ := open(t, 0)
	if err := errors.Join(w.Close(), w.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Put(t.Context(), store.Write{Key: "a"}); !errors.Is(err, store.ErrClosed) {
		t.Errorf("got %v", err)
	}
}

// An absent key and a deleted one are the same to a reader.
func TestADeletedKeyIsNotFound(t *testing.T) {
	b, _, server := open(t, 0)
	put(t, b, store.Write{Key: "a", Value: []byte("1")})
	js, err := jetstream.New(server.Connect(t))
	if err != nil {
		t.Fatal(err)
	}
	kv, err := js.KeyValue(t.Context(), "THINGS")
	if err != nil {
		t.Fatal(err)
	}
	if err := kv.Delete(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"a", "never"} {
		e, err := b.Get(t.Context(), key)
		if !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: %v", key, err)
		}
		put(t, b, store.Write{Key: key, Value: []byte("2"), Revision: e.Revision})
	}
}

// Terminal records expire; a reader then finds nothing.
func TestAValueWithATimeToLiveVanishes(t *testing.T) {
	b, _, _ := open(t, 0)
	put(t, b, store.Write{Key: "a", Value: []byte("1"), TTL: time.Second})
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := b.Get(t.Context(), "a"); errors.Is(err, store.ErrNotFound) {
			break
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatal("it is still there")
		}
	}
	// The key is as new.
	put(t, b, store.Write{Key: "a", Value: []byte("2")})
}

func TestAFollowerSeesWhatWasAndWhatComes(t *testing.T) {
	b, _, _ := open(t, 0)
	put(t, b, store.Write{Key: "a", Value: []byte("1")})
	put(t, b, store.Write{Key: "b", Value: []byte("2"), Header: nats.Header{"X": {"y"}}})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var seen []string
	complete := -1
	err := b.Follow(ctx, ">", false, func(f store.Followed) {
		seen = append(seen, fmt.Sprintf("%s=%s%s", f.Key, f.Value, f.Header.Get("X")))
		if len(seen) == 3 {
			cancel()
		}
	}, func() {
		complete = len(seen)
		go b.Submit(&store.Write{Key: "c", Value: []byte("3")}, func(uint64, error) {})
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
	if got := strings.Join(seen, " "); got != "a=1 b=2y c=3" || complete != 2 {
		t.Errorf("saw %s, complete after %d", got, complete)
	}
}

func TestAScanEnds(t *testing.T) {
	b, _, _ := open(t, 0)
	count := func() (n int) {
		if err := b.Scan(t.Context(), ">", true, func(f store.Followed) {
			n++
			if len(f.Value) != 0 {
				t.Error("headers only were asked for")
			}
		}); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := count(); n != 0 {
		t.Errorf("an empty bucket has %d", n)
	}
	for n := range 1000 {
		put(t, b, store.Write{Key: fmt.Sprintf("k%d", n), Value: []byte("v")})
	}
	if n := count(); n != 1000 {
		t.Errorf("scanned %d of 1000", n)
	}
}

func TestMeasureLeavesNothingBehind(t *testing.T) {
	server := workertest.Server(t)
	nc := server.Connect(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	from, err := store.Measure(ctx, nc, 1)
	if err != nil || from == 1 || from < 0 {
		t.Errorf("groups from %d, %v", from, err)
	}
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	for name := range js.StreamNames(t.Context()).Name() {
		t.Errorf("stream %s is left", name)
	}
}

// What the metadata say is what the latest opening said; the rest of the stream
// stays as its operator made it.
func TestMetadataAreKeptUpToDate(t *testing.T) {
	_, w, server := open(t, 0)
	js, err := jetstream.New(server.Connect(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, retention := range []string{"1h", "2h"} {
		if _, err := store.Open(t.Context(), w, store.Config{Name: "THINGS", Metadata: map[string]string{"retention": retention}}); err != nil {
			t.Fatal(err)
		}
		stream, err := js.Stream(t.Context(), "KV_THINGS")
		if err != nil {
			t.Fatal(err)
		}
		cfg := stream.CachedInfo().Config
		if cfg.Metadata["retention"] != retention || !cfg.AllowAtomicPublish || !cfg.AllowMsgTTL {
			t.Errorf("opened with %s, the stream is %+v", retention, cfg)
		}
	}
}
