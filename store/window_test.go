package store_test

import (
	"fmt"
	"slices"
	"testing"

	"amends/protocol"
	"amends/store"
	"amends/worker/workertest"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A bucket is read in parts, and each value that is there now is seen once.
func TestAWindowShowsWhatIsThereNow(t *testing.T) {
	b, _, server := open(t, 0)
	for n := range 10 {
		put(t, b, store.Write{Key: fmt.Sprint("k", n), Value: []byte("value"), Header: nats.Header{"N": {fmt.Sprint(n)}}})
	}
	put(t, b, store.Write{Key: "k3", Value: []byte("again"), Revision: 4})
	put(t, b, store.Write{Key: "k4", Delete: true, Revision: 5})
	first, last, err := b.Span(t.Context())
	if err != nil || first != 1 || last != 12 {
		t.Fatalf("the bucket spans %d to %d, %v", first, last, err)
	}
	for _, c := range []struct {
		window store.Window
		want   []string
	}{
		{store.Window{Pattern: ">", First: 1, Last: 12}, []string{"k0", "k1", "k2", "k5", "k6", "k7", "k8", "k9", "k3", "k4 deleted"}},
		{store.Window{Pattern: ">", First: 1, Last: 5}, []string{"k0", "k1", "k2"}},
		{store.Window{Pattern: ">", First: 4, Last: 5}, nil},
		{store.Window{Pattern: ">", First: 6, Last: 11}, []string{"k5", "k6", "k7", "k8", "k9", "k3"}},
		{store.Window{Pattern: ">", First: 12, Last: 99}, []string{"k4 deleted"}},
		{store.Window{Pattern: "k3", First: 1, Last: 99}, []string{"k3"}},
		{store.Window{Pattern: "nobody.*", First: 1, Last: 99}, nil},
		{store.Window{Pattern: ">", First: 13, Last: 99}, nil},
	} {
		var got []string
		err := b.Read(t.Context(), c.window, func(f store.Followed) {
			name := f.Key
			if f.Deleted {
				name += " deleted"
			}
			if len(f.Value) > 0 || !f.Deleted && f.Header.Get("N") == "" && f.Key != "k3" {
				t.Errorf("%s comes with value %q and header %v", f.Key, f.Value, f.Header)
			}
			got = append(got, name)
		})
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%+v: %v, %v; want %v", c.window, got, err, c.want)
		}
	}
	if left := consumers(t, server, protocol.BucketStream("THINGS")); left != 0 {
		t.Errorf("%d consumers are left", left)
	}
}

// consumers counts those of a stream.
func consumers(t *testing.T, server *workertest.NATS, stream string) int {
	t.Helper()
	js, err := jetstream.New(server.Connect(t))
	if err != nil {
		t.Fatal(err)
	}
	s, err := js.Stream(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	return s.CachedInfo().State.Consumers
}

func TestAWindowOfAnEmptyBucket(t *testing.T) {
	b, _, _ := open(t, 0)
	if _, last, err := b.Span(t.Context()); err != nil || last != 0 {
		t.Errorf("it spans up to %d, %v", last, err)
	}
	if err := b.Read(t.Context(), store.Window{Pattern: ">", First: 1, Last: 1}, func(store.Followed) { t.Error("there is something") }); err != nil {
		t.Error(err)
	}
}
