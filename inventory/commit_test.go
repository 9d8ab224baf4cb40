package inventory_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"amends/inventory"
	"amends/protocol"
	"amends/worker/workertest"

	"github.com/nats-io/nats.go"
)

// commit is the command of step 4 that commits what step 1 has reserved of so many
// SKUs.
func commit(saga string, skus ...string) protocol.CommitReservation {
	c := protocol.CommitReservation{
		Command: protocol.Command{Type: protocol.TypeCommitReservation, SagaID: saga, Step: 4},
	}
	for i, sku := range skus {
		c.Reservations = append(c.Reservations, protocol.Reservation{SKU: sku, ReservationID: fmt.Sprintf("r-%s-1-%d", saga, i+1)})
	}
	return c
}

// expect sends a command, and fails the test unless the answer is of the given type
// and says what it should.
func expect(t testing.TB, nc *nats.Conn, subject string, command interface{ Header() protocol.Command }, suffix, says string) string {
	t.Helper()
	got := ask(t, nc, subject, command)
	if head := `{"type":"` + command.Header().Type + suffix + `"`; !strings.HasPrefix(got, head) || !strings.Contains(got, says) {
		t.Fatalf("got %s, want %s … %s", got, head, says)
	}
	return got
}

func expectLevel(t testing.TB, nc *nats.Conn, sku string, onHand, reserved int64) {
	t.Helper()
	want := inventory.StockLevel{
		Type: inventory.TypeStock, SKU: sku, OnHand: onHand, Reserved: reserved, Available: onHand - reserved,
	}
	if got := level(t, nc, sku); got != want {
		t.Fatalf("got %+v, want %+v", got, want)
	}
}

// TestDocument003 holds the model of document 003: a reservation does not change
// the stock (S3-10); a commit reduces it and ends the reservation (S3-09).
func TestDocument003(t *testing.T) {
	workertest.Converse(t, participant,
		workertest.Exchange{
			Subject: protocol.SubjectReserve,
			Say:     `{"type":"ReserveInventory","saga_id":"cart1","step":1,"items":[{"sku":"abc123","quantity":2},{"sku":"xyz789","quantity":1}]}`,
			Hear: `{"type":"ReserveInventory_ok","saga_id":"cart1","step":1,"reservations":[{"sku":"abc123","reservation_id":"r-cart1-1-1"},` +
				`{"sku":"xyz789","reservation_id":"r-cart1-1-2"}],"reservation_id":"r-cart1-1"}`,
		},
		workertest.Exchange{
			Subject: protocol.SubjectStock, Say: `{"sku":"abc123"}`,
			Hear: `{"type":"stock","sku":"abc123","on_hand":1000,"reserved":2,"available":998}`,
		},
		workertest.Exchange{
			Subject: protocol.SubjectCommit,
			Say: `{"type":"CommitReservation","saga_id":"cart1","step":4,"reservations":[{"sku":"abc123","reservation_id":"r-cart1-1-1"},` +
				`{"sku":"xyz789","reservation_id":"r-cart1-1-2"}]}`,
			Hear: `{"type":"CommitReservation_ok","saga_id":"cart1","step":4}`,
		},
		workertest.Exchange{
			Subject: protocol.SubjectStock, Say: `{"skus":["abc123","xyz789"]}`,
			Hear: `{"type":"stock_list","stock":[{"type":"stock","sku":"abc123","on_hand":998,"reserved":0,"available":998},` +
				`{"type":"stock","sku":"xyz789","on_hand":0,"reserved":0,"available":0}],"total":2}`,
		},
		workertest.Exchange{
			Subject: protocol.SubjectReservation, Say: `{"saga_id":"cart1"}`,
			Hear: `{"type":"reservations","reservations":[{"saga_id":"cart1","step":1,"reservation_id":"r-cart1-1","status":"committed",` +
				`"lines":[{"sku":"abc123","quantity":2,"reservation_id":"r-cart1-1-1","since":1700000000000000},` +
				`{"sku":"xyz789","quantity":1,"reservation_id":"r-cart1-1-2","since":1700000000000000}],` +
				`"reserved_at":1700000000000000,"expires_at":1700000900000000,"committed_at":1700000000000000}]}`,
		},
		workertest.Exchange{ // the whole saga is undone after all: the goods come back (S2-06)
			Subject: protocol.SubjectRelease,
			Say:     `{"type":"ReleaseReservation","saga_id":"cart1","step":1,"compensating":true}`,
			Hear:    `{"type":"ReleaseReservation_ok","saga_id":"cart1","step":1}`,
		},
		workertest.Exchange{
			Subject: protocol.SubjectStock, Say: `{"sku":"abc123"}`,
			Hear: `{"type":"stock","sku":"abc123","on_hand":1000,"reserved":0,"available":1000}`,
		},
		workertest.Exchange{ // D25: the answer to a command is the same for ever
			Subject: protocol.SubjectCommit,
			Say: `{"type":"CommitReservation","saga_id":"cart1","step":4,"reservations":[{"sku":"abc123","reservation_id":"r-cart1-1-1"},` +
				`{"sku":"xyz789","reservation_id":"r-cart1-1-2"}]}`,
			Hear: `{"type":"CommitReservation_ok","saga_id":"cart1","step":4}`,
		},
	)
}

// TestLookups: reservations are found by saga, by step, by the id of all lines and
// by that of one (S2-16, X11).
func TestLookups(t *testing.T) {
	n := workertest.Server(t)
	load(t, n.Config(t), inventory.Stock{SKU: "a", OnHand: 10}, inventory.Stock{SKU: "b", OnHand: 10})
	start(t, n.Config(t))
	nc := n.Connect(t)
	lines := []protocol.Line{{SKU: "a", Quantity: 1}, {SKU: "b", Quantity: 1}}
	for _, saga := range []string{"s", "s-1"} {
		expect(t, nc, protocol.SubjectReserve, reserve(saga, lines...), protocol.SuffixOK, "")
	}
	second := reserve("s", lines[0])
	second.Step = 2
	expect(t, nc, protocol.SubjectReserve, second, protocol.SuffixOK, "")
	for query, want := range map[string][]string{
		`{"saga_id":"s"}`:                {"r-s-1", "r-s-2"},
		`{"saga_id":"s","step":2}`:       {"r-s-2"},
		`{"saga_id":"s","step":3}`:       nil,
		`{"saga_id":"none"}`:             nil,
		`{"reservation_id":"r-s-1"}`:     {"r-s-1"},
		`{"reservation_id":"r-s-1-2"}`:   {"r-s-1"},
		`{"reservation_id":"r-s-1-1"}`:   {"r-s-1", "r-s-1-1"},
		`{"reservation_id":"r-s-1-1-2"}`: {"r-s-1-1"},
		`{"reservation_id":"r-s-1-3"}`:   nil,
		`{"reservation_id":"nonsense"}`:  nil,
	} {
		var found inventory.Reservations
		answer := ask(t, nc, protocol.SubjectReservation, json.RawMessage(query))
		if err := json.Unmarshal([]byte(answer), &found); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range found.Reservations {
			got = append(got, r.ReservationID)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) || want == nil && !strings.Contains(answer, `"not_found"`) {
			t.Errorf("%s: got %v, want %v", query, got, want)
		}
	}
}

// TestS3_21_NothingIsHeldWhenOneLineIsShort: the original held the lines before the
// one that failed, for ever.
func TestS3_21_NothingIsHeldWhenOneLineIsShort(t *testing.T) {
	n := workertest.Server(t)
	load(t, n.Config(t), inventory.Stock{SKU: "a", OnHand: 5}, inventory.Stock{SKU: "b", OnHand: 5}, inventory.Stock{SKU: "c", OnHand: 1})
	start(t, n.Config(t))
	nc := n.Connect(t)
	order := reserve("s1", protocol.Line{SKU: "a", Quantity: 1}, protocol.Line{SKU: "b", Quantity: 1}, protocol.Line{SKU: "c", Quantity: 2})
	expect(t, nc, protocol.SubjectReserve, order, protocol.SuffixFailed, `"unavailable":["c"]`)
	for sku, onHand := range map[string]int64{"a": 5, "b": 5, "c": 1} {
		expectLevel(t, nc, sku, onHand, 0)
	}
}

// TestS3_22_AllLinesAreReleased: the original gave the first one back, and returned.
func TestS3_22_AllLinesAreReleased(t *testing.T) {
	n := workertest.Server(t)
	load(t, n.Config(t), inventory.Stock{SKU: "a", OnHand: 5}, inventory.Stock{SKU: "b", OnHand: 5})
	start(t, n.Config(t))
	nc := n.Connect(t)
	expect(t, nc, protocol.SubjectReserve, reserve("s1", protocol.Line{SKU: "a", Quantity: 1}, protocol.Line{SKU: "b", Quantity: 2}), protocol.SuffixOK, "")
	expectLevel(t, nc, "b", 5, 2)
	undo := release("s1")
	undo.Reservations = commit("s1", "a").Reservations // S3-22 by letter: only one is named
	expect(t, nc, protocol.SubjectRelease, undo, protocol.SuffixOK, "")
	expectLevel(t, nc, "a", 5, 0)
	expectLevel(t, nc, "b", 5, 0)
}

// TestS3_23_AllLinesAreCommittedOrNone: in the original the failure of one token
// neither stopped nor undid the others.
func TestS3_23_AllLinesAreCommittedOrNone(t *testing.T) {
	n := workertest.Server(t)
	load(t, n.Config(t), inventory.Stock{SKU: "a", OnHand: 5}, inventory.Stock{SKU: "b", OnHand: 5})
	start(t, n.Config(t))
	nc := n.Connect(t)
	expect(t, nc, protocol.SubjectReserve, reserve("s1", protocol.Line{SKU: "a", Quantity: 2}, protocol.Line{SKU: "b", Quantity: 2}), protocol.SuffixOK, "")
	put(t, nc, "stock.b", `{"sku":"b","on_hand":1}`) // somebody broke one
	expect(t, nc, protocol.SubjectCommit, commit("s1", "a", "b"), protocol.SuffixFailed, `"error":"out_of_stock","unavailable":["b"]`)
	expectLevel(t, nc, "a", 5, 2)
	expect(t, nc, protocol.SubjectRelease, release("s1"), protocol.SuffixOK, "")
	expectLevel(t, nc, "a", 5, 0)
	expectLevel(t, nc, "b", 1, 0)
}

// TestS3_24_ParallelOrdersNeverOversell: the original read the stock outside of the
// transaction that reserved it. TestHotSKU does the same with more of everything.
func TestS3_24_ParallelOrdersNeverOversell(t *testing.T) {
	n := workertest.Server(t)
	load(t, n.Config(t), inventory.Stock{SKU: "last", OnHand: 1})
	start(t, n.Config(t))
	start(t, n.Config(t))
	nc := n.Connect(t)
	answers := make([]string, 50)
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() {
			answers[i] = ask(t, nc, protocol.SubjectReserve, reserve(fmt.Sprintf("s%d", i), protocol.Line{SKU: "last", Quantity: 1}))
		})
	}
	all.Wait()
	if got := strings.Count(strings.Join(answers, " "), "ReserveInventory_ok"); got != 1 {
		t.Errorf("%d orders have the last piece", got)
	}
	expectLevel(t, nc, "last", 1, 1)
}

// TestS3_28_WhatWasPaidIsCommittedAfterACrash: the original forgot a commit when it
// crashed after the payment. Here the saga sends it again, to whatever replica is
// there, and it happens once.
func TestS3_28_WhatWasPaidIsCommittedAfterACrash(t *testing.T) {
	n := workertest.Server(t)
	load(t, n.Config(t), inventory.Stock{SKU: "a", OnHand: 5})
	kill := startMortal(t, n)
	nc := n.Connect(t)
	expect(t, nc, protocol.SubjectReserve, reserve("s1", protocol.Line{SKU: "a", Quantity: 2}), protocol.SuffixOK, "")
	kill()
	start(t, n.Config(t))
	first := expect(t, nc, protocol.SubjectCommit, commit("s1", "a"), protocol.SuffixOK, "")
	expectLevel(t, nc, "a", 3, 0)
	if again := ask(t, nc, protocol.SubjectCommit, commit("s1", "a")); again != first {
		t.Errorf("got %s, then %s", first, again)
	}
	expectLevel(t, nc, "a", 3, 0)
}

// TestALostAnswerIsGivenAgain: a service that is killed between storing and
// answering has answered nobody; whoever asks again is told the same, byte by byte
// (D25), and nothing happens twice.
func TestALostAnswerIsGivenAgain(t *testing.T) {
	for _, groupFrom := range []int{0, 1} {
		t.Run(fmt.Sprintf("batches from %d", groupFrom), func(t *testing.T) {
			n := workertest.Server(t)
			load(t, n.Config(t), inventory.Stock{SKU: "a", OnHand: 5})
			start(t, n.ConfigGrouped(t, groupFrom))
			nc := n.Connect(t)
			delivery := inventory.Delivery{DeliveryID: "d1", Items: []protocol.Line{{SKU: "a", Quantity: 10}}}
			for _, step := range []struct {
				subject, says    string
				message          any
				onHand, reserved int64
			}{
				{protocol.SubjectReserve, "ReserveInventory_ok", reserve("s1", protocol.Line{SKU: "a", Quantity: 2}), 5, 2},
				{protocol.SubjectCommit, "CommitReservation_ok", commit("s1", "a"), 3, 0},
				{protocol.SubjectRestock, "restocked", delivery, 13, 0},
				{protocol.SubjectRelease, "ReleaseReservation_ok", release("s1"), 15, 0},
			} {
				body, err := json.Marshal(step.message)
				must(t, err)
				must(t, nc.PublishRequest(step.subject, nc.NewInbox(), body))
				eventually(t, nc, "a", func(l inventory.StockLevel) bool {
					return l.OnHand == step.onHand && l.Reserved == step.reserved
				})
				first := ask(t, nc, step.subject, step.message)
				if again := ask(t, nc, step.subject, step.message); !strings.Contains(first, step.says) || again != first {
					t.Errorf("got %s, then %s", first, again)
				}
				expectLevel(t, nc, "a", step.onHand, step.reserved)
			}
		})
	}
}
