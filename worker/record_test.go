package worker_test

import (
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"amends/protocol"
	"amends/store"
	"amends/worker"
	"amends/worker/workertest"
)

// seat is a row that says which seat somebody got.
type seat struct {
	Label string `json:"label"`
	Warm  bool   `json:"warm"`
}

// theatre gives everybody the seat for which they pay.
type theatre struct {
	book   *worker.Book[seat]
	finder *worker.Finder[seat]
}

func openTheatre(t testing.TB, cfg worker.Config) theatre {
	t.Helper()
	th := theatre{book: worker.NewBook[seat]("SEATS")}
	th.finder = worker.NewFinder(th.book, func(s seat) string { return s.Label })
	s, err := worker.New(cfg, "theatre", worker.Together(th.book, th.finder), worker.Act(subjectOpen, th.book,
		func(cmd protocol.ChargePayment, _ int64) (seat, empty, *protocol.Failure) {
			if cmd.UserID == "banned" {
				return seat{}, empty{}, &protocol.Failure{Error: "banned"}
			}
			return seat{Label: "seat of " + cmd.UserID}, empty{}, nil
		}))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(soon(t)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { workertest.Halt(t, s) })
	return th
}

// TestRevise changes a row beside the commands of its saga: once, by whoever
// comes first, and without a trace where there is no row.
func TestRevise(t *testing.T) {
	cfg := workertest.Server(t).Config(t)
	th := openTheatre(t, cfg)
	verdict := ask(t, cfg.Conn, open("ann", "ann"))
	ann, err := protocol.ParseSagaID("ann")
	if err != nil {
		t.Fatal(err)
	}
	var changes atomic.Int64
	warm := func(s seat, _ int64) (seat, bool, error) {
		if s.Warm {
			return s, false, nil
		}
		changes.Add(1)
		s.Warm = true
		return s, true, nil
	}
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			if row, err := th.book.Revise(soon(t), "ann.1", warm); err != nil || row == nil || !row.Warm || row.Label != "seat of ann" {
				t.Errorf("got %+v, %v", row, err)
			}
		})
	}
	all.Wait()
	row, err := th.book.Effect(soon(t), ann, 1)
	if err != nil || row == nil || !row.Warm {
		t.Errorf("got %+v, %v", row, err)
	}
	if row, err := th.book.Revise(soon(t), "ann.2", warm); row != nil || err != nil {
		t.Errorf("a step without a row: got %+v, %v", row, err)
	}
	refusal := errors.New("no")
	if _, err := th.book.Revise(soon(t), "ann.1", func(seat, int64) (seat, bool, error) { return seat{}, true, refusal }); !errors.Is(err, refusal) {
		t.Errorf("got %v", err)
	}
	if again := try(t, cfg.Conn, "ann", 2, patience); again != verdict {
		t.Errorf("the verdict was %s, and is %s", verdict, again)
	}
}

// TestFinder finds what any replica has stored before, also what was stored before
// it began to look, and when the server was away.
func TestFinder(t *testing.T) {
	n := workertest.Server(t)
	cfg := n.Config(t)
	th, other := openTheatre(t, cfg), openTheatre(t, n.Config(t))
	find := func(th theatre, label, want string) {
		t.Helper()
		id, step, found, err := th.finder.Find(soon(t), label)
		for errors.Is(err, store.ErrUnavailable) {
			id, step, found, err = th.finder.Find(soon(t), label)
		}
		if err != nil || found != (want != "") || id.String() != want || found && step != 1 {
			t.Errorf("%s: got step %d of %q, %v, %v", label, step, id, found, err)
		}
	}
	ask(t, cfg.Conn, open("ann", "ann"))
	ask(t, cfg.Conn, open("banned", "banned"))
	find(th, "seat of ann", "ann")
	find(th, "seat of bob", "")
	find(th, "", "")
	for i := range 20 {
		user := "u" + strconv.Itoa(i)
		ask(t, cfg.Conn, open(user, user))
		find(th, "seat of "+user, user)
		find(other, "seat of "+user, user)
	}
	ask(t, cfg.Conn, open("second", "ann"))
	find(th, "seat of ann", "ann")
	n.Stop()
	n.Start(t)
	find(th, "seat of u7", "u7")
}
