package worker_test

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"amends/protocol"
	"amends/worker"
	"amends/worker/workertest"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// tally is a row that counts, and remembers who did.
type tally struct {
	Count int      `json:"count"`
	Marks []string `json:"marks"`
}

const headerCount = "Amends-Count"

var tallies = worker.RowKind[tally]{
	Bucket: "TALLIES",
	Header: func(row tally) nats.Header { return nats.Header{headerCount: {strconv.Itoa(row.Count)}} },
}

// count adds one to a row, once for each mark.
func count(mark string) func(tally) (tally, bool, error) {
	return func(row tally) (tally, bool, error) {
		if slices.Contains(row.Marks, mark) {
			return row, false, nil
		}
		return tally{Count: row.Count + 1, Marks: append(slices.Clone(row.Marks), mark)}, true, nil
	}
}

// openRows starts a service over rows, for the rest of the test.
func openRows[T any](t testing.TB, cfg worker.Config, kind worker.RowKind[T], endpoints ...worker.Endpoint) *worker.Rows[T] {
	t.Helper()
	rows := worker.NewRows(kind)
	s, err := worker.New(cfg, "tally", rows, endpoints...)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(soon(t)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { workertest.Halt(t, s) })
	return rows
}

func TestRowsAreChangedWithoutLosingAChange(t *testing.T) {
	const replicas, writers, each = 2, 8, 10
	n := workertest.Server(t)
	var all sync.WaitGroup
	var rows *worker.Rows[tally]
	for r := range replicas {
		mine := openRows(t, n.Config(t), tallies)
		rows = mine // any of them will do
		for w := range writers {
			all.Go(func() {
				for i := range each {
					mark := strconv.Itoa(r) + "-" + strconv.Itoa(w) + "-" + strconv.Itoa(i)
					if _, err := mine.Change(soon(t), "k", count(mark)); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	all.Wait()
	row, found, err := rows.Get(soon(t), "k")
	if err != nil || !found || row.Count != replicas*writers*each {
		t.Errorf("got %d of %d, %v", row.Count, replicas*writers*each, err)
	}
}

// TestAChangeThatFailsStoresNothing: the row comes back as it is.
func TestAChangeThatFailsStoresNothing(t *testing.T) {
	rows := openRows(t, workertest.Server(t).Config(t), tallies)
	refusal := &protocol.Error{Code: protocol.CodeInvalidField, Message: "no"}
	row, err := rows.Change(soon(t), "k", func(row tally) (tally, bool, error) { return tally{Count: 9}, true, refusal })
	if !errors.Is(err, refusal) || row.Count != 0 {
		t.Errorf("got %+v, %v", row, err)
	}
	if _, err := rows.Change(soon(t), "k", func(row tally) (tally, bool, error) { return tally{Count: 9}, false, nil }); err != nil {
		t.Error(err)
	}
	if _, found, err := rows.Get(soon(t), "k"); found || err != nil {
		t.Errorf("stored all the same: %v", err)
	}
}

// TestAWriteWithoutAcknowledgementIsNotDoneTwice: the server goes away again and
// again under the writers. Each change is there once, acknowledged or not.
func TestAWriteWithoutAcknowledgementIsNotDoneTwice(t *testing.T) {
	n := workertest.Server(t)
	cfg := n.Config(t)
	rows := openRows(t, cfg, tallies)
	calm := make(chan struct{})
	var storm sync.WaitGroup
	storm.Go(func() {
		for {
			select {
			case <-calm:
				return
			case <-time.After(10 * time.Millisecond):
				if err := cfg.Conn.ForceReconnect(); err != nil {
					t.Error(err)
				}
			}
		}
	})
	const changes = 30
	for i := range changes {
		mark := strconv.Itoa(i)
		for done := false; !done; {
			_, err := rows.Change(soon(t), "k", count(mark))
			done = err == nil
		}
	}
	close(calm)
	storm.Wait()
	if row, _, err := rows.Get(soon(t), "k"); err != nil || row.Count != changes {
		t.Errorf("got %d of %d, %v", row.Count, changes, err)
	}
}

// TestFollowersSeeEveryRow: those that were there, those that change, those that
// are deleted, and all of it again after the connection broke.
func TestFollowersSeeEveryRow(t *testing.T) {
	n := workertest.Server(t)
	cfg := n.Config(t)
	rows := openRows(t, cfg, tallies)
	change := func(key, mark string) {
		t.Helper()
		if _, err := rows.Change(soon(t), key, count(mark)); err != nil {
			t.Fatal(err)
		}
	}
	change("a", "1")
	seen := make(chan string, 100)
	ctx, cancel := context.WithCancel(t.Context())
	var following sync.WaitGroup
	following.Go(func() {
		rows.Follow(ctx, func(key string, header nats.Header) { seen <- key + header.Get(headerCount) })
	})
	defer following.Wait()
	defer cancel()
	await := func(want string) {
		t.Helper()
		for {
			select {
			case got := <-seen:
				if got == want {
					return
				}
			case <-soon(t).Done():
				t.Fatalf("never saw %s", want)
			}
		}
	}
	await("a1")
	change("b", "1")
	await("b1")
	js, err := jetstream.New(cfg.Conn)
	if err != nil {
		t.Fatal(err)
	}
	kv, err := js.KeyValue(soon(t), "TALLIES")
	if err != nil {
		t.Fatal(err)
	}
	if err := kv.Delete(soon(t), "b"); err != nil {
		t.Fatal(err)
	}
	await("b")
	n.Stop()
	n.Start(t)
	await("a1")
}

// TestRowsExpire: a row whose time is over is gone, and may come back.
func TestRowsExpire(t *testing.T) {
	kind := tallies
	kind.TTL = func(tally) time.Duration { return time.Second }
	rows := openRows(t, workertest.Server(t).Config(t), kind)
	if _, err := rows.Change(soon(t), "k", count("first")); err != nil {
		t.Fatal(err)
	}
	for ctx := soon(t); ; {
		_, found, err := rows.Get(ctx, "k")
		if err != nil {
			t.Fatal(err)
		}
		if !found {
			break
		}
		<-time.After(20 * time.Millisecond)
	}
	if row, err := rows.Change(soon(t), "k", count("second")); err != nil || row.Count != 1 {
		t.Errorf("got %+v, %v", row, err)
	}
}
