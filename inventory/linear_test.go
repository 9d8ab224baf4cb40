package inventory_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"amends/inventory"
	"amends/protocol"
	"amends/worker/workertest"

	"github.com/anishathalye/porcupine"
	"github.com/nats-io/nats.go"
)

// stock is the trivial inventory against which histories are checked: numbers, and
// one thing after the other.
type stock struct{ onHand, reserved [2]int64 }

var twoSKUs = [2]string{"a", "b"}

// act is what a client asked for, and answer what it was told.
type act struct {
	do     string   // reserve, release, return (what was committed), commit, restock or look
	pieces [2]int64 // of each SKU
	sku    int      // to look at
}

type answer struct {
	short [2]bool // declined for want of these
	level [2]int64
}

// step plays one act, and tells whether the answer to it can be.
func (s stock) step(a act, told answer) (bool, stock) {
	declined := told.short[0] || told.short[1]
	for i, n := range a.pieces {
		switch a.do {
		case "reserve":
			if told.short[i] != (s.onHand[i]-s.reserved[i] < n) && n > 0 {
				return false, s
			}
			if !declined {
				s.reserved[i] += n
			}
		case "release":
			s.reserved[i] -= n
		case "commit":
			s.onHand[i], s.reserved[i] = s.onHand[i]-n, s.reserved[i]-n
		case "return", "restock":
			s.onHand[i] += n
		}
	}
	if a.do == "look" && told.level != [2]int64{s.onHand[a.sku], s.reserved[a.sku]} {
		return false, s
	}
	return true, s
}

func model(onHand [2]int64) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return stock{onHand: onHand} },
		Step: func(state, input, output any) (bool, any) {
			s, _ := state.(stock)
			a, _ := input.(act)
			told, _ := output.(answer)
			return s.step(a, told)
		},
		DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v: %+v", input, output) },
	}
}

// TestLinearizable: what clients of three replicas see is what they would see if
// one after the other had been served at some moment between question and answer,
// while one replica is killed and started again and again, and the connection of
// another breaks (D16, S3-24).
func TestLinearizable(t *testing.T) {
	for _, groupFrom := range []int{0, 2} {
		t.Run(fmt.Sprintf("batches from %d", groupFrom), func(t *testing.T) {
			n := workertest.Server(t)
			load(t, n.Config(t), inventory.Stock{SKU: "a", OnHand: 8}, inventory.Stock{SKU: "b", OnHand: 5})
			start(t, n.ConfigGrouped(t, groupFrom))
			shaken := n.ConfigGrouped(t, groupFrom)
			start(t, shaken)
			h := &history{client: newClient(t, n.Connect(t)), begin: time.Now(), due: make(chan struct{})}
			calm := h.disturb(n, groupFrom, shaken.Conn)
			var shoppers sync.WaitGroup
			for id := range 8 {
				shoppers.Go(func() { h.shop(id, 30) })
			}
			shoppers.Wait()
			if kills := calm(); kills < 5 {
				t.Errorf("%d replicas were killed in %d operations", kills, len(h.operations))
			}
			got, result := porcupine.CheckOperationsVerbose(model([2]int64{8, 5}), h.operations, patience)
			switch got {
			case porcupine.Ok:
			case porcupine.Unknown:
				t.Errorf("%d operations could not be judged in %s", len(h.operations), patience)
			default:
				t.Errorf("%d operations have no order that explains what was answered; see %s", len(h.operations), h.draw(t, result))
			}
		})
	}
}

// disturb kills one replica and starts another, and then breaks the connection of a
// third one, again and again, in the midst of what they have in work, until calm is
// called. Each blow is paid for by operations that were done, so that a slow
// machine comes to the end as well.
func (h *history) disturb(n *workertest.NATS, groupFrom int, shaken *nats.Conn) (calm func() (kills int)) {
	h.Helper()
	kills, stop, over := 0, make(chan struct{}), make(chan struct{})
	kill := startMortalWith(h, n.ConfigGrouped(h, groupFrom))
	blow := func(number int) {
		if number%2 == 0 {
			kill()
			kills++
			h.killed()
			kill = startMortalWith(h, n.ConfigGrouped(h, groupFrom))
			return
		}
		if err := shaken.ForceReconnect(); err != nil {
			h.Error(err)
		}
		h.killed()
	}
	go func() {
		defer close(over)
		for number := 0; ; number++ {
			select {
			case <-h.due:
				blow(number)
			case <-stop:
				return
			}
		}
	}()
	return func() int {
		close(stop)
		<-over
		kill()
		return kills
	}
}

// blowEvery is how many operations there are between two blows.
const blowEvery = 20

// history is what a client has asked and was told, in several roles at once, with
// times.
type history struct {
	*client
	begin time.Time
	due   chan struct{} // says that it is time for a blow

	mu         sync.Mutex
	operations []porcupine.Operation
}

// draw makes a picture of a history for people, which outlives the test.
func (h *history) draw(t *testing.T, result porcupine.LinearizationInfo) string {
	t.Helper()
	file, err := os.CreateTemp("", "history-*.html")
	must(t, err)
	must(t, porcupine.Visualize(model([2]int64{8, 5}), result, file))
	must(t, file.Close())
	return file.Name()
}

// do notes one act and its answer.
func (h *history) do(client int, a act, ask func() answer) answer {
	called := time.Since(h.begin).Nanoseconds()
	told := ask()
	returned := time.Since(h.begin).Nanoseconds()
	h.mu.Lock()
	h.operations = append(h.operations, porcupine.Operation{ClientId: client, Input: a, Call: called, Output: told, Return: returned})
	isDue := len(h.operations)%blowEvery == 0
	h.mu.Unlock()
	if isDue {
		select {
		case h.due <- struct{}{}:
		case <-h.Context().Done():
		}
	}
	return told
}

// shop lets one customer reserve, commit, give back, deliver and look.
func (h *history) shop(id, rounds int) {
	random := rand.New(rand.NewPCG(uint64(id), uint64(h.begin.UnixNano())))
	for round := range rounds {
		saga := fmt.Sprintf("s-%d-%d", id, round)
		switch random.IntN(5) {
		case 0:
			h.look(id, random.IntN(2))
		case 1:
			if random.IntN(4) == 0 {
				h.restock(id, saga)
			}
		default:
			h.buy(id, saga, random)
		}
	}
}

func (h *history) look(id, sku int) {
	h.do(id, act{do: "look", sku: sku}, func() answer {
		l := h.level(twoSKUs[sku])
		return answer{level: [2]int64{l.OnHand, l.Reserved}}
	})
}

func (h *history) restock(id int, delivery string) {
	d := inventory.Delivery{DeliveryID: delivery, Items: []protocol.Line{{SKU: "a", Quantity: 1}}}
	h.do(id, act{do: "restock", pieces: [2]int64{1, 0}}, func() answer { return h.send(protocol.SubjectRestock, d, "restocked") })
}

// buy reserves one or both SKUs, and sees it through one way or another.
func (h *history) buy(id int, saga string, random *rand.Rand) {
	pieces := [2]int64{random.Int64N(3), random.Int64N(3)}
	var lines []protocol.Line
	var skus []string
	for i, n := range pieces {
		if n > 0 {
			lines, skus = append(lines, protocol.Line{SKU: twoSKUs[i], Quantity: n}), append(skus, twoSKUs[i])
		}
	}
	if lines == nil {
		return
	}
	told := h.do(id, act{do: "reserve", pieces: pieces}, func() answer {
		_, short, _ := strings.Cut(h.ask(protocol.SubjectReserve, reserve(saga, lines...)), `"unavailable":`)
		return answer{short: [2]bool{strings.Contains(short, `"a"`), strings.Contains(short, `"b"`)}}
	})
	if told.short[0] || told.short[1] {
		return
	}
	giveBack := func(as string) {
		h.do(id, act{do: as, pieces: pieces}, func() answer { return h.send(protocol.SubjectRelease, release(saga), protocol.SuffixOK) })
	}
	if random.IntN(2) == 0 {
		giveBack("release")
		return
	}
	h.do(id, act{do: "commit", pieces: pieces}, func() answer {
		return h.send(protocol.SubjectCommit, commit(saga, skus...), protocol.SuffixOK)
	})
	if random.IntN(4) > 0 {
		giveBack("return")
	}
}

// send sends a message whose answer must say something.
func (h *history) send(subject string, message any, says string) answer {
	h.Helper()
	if got := h.ask(subject, message); !strings.Contains(got, says) {
		h.Errorf("got %s", got)
	}
	return answer{}
}

// TestTheCheckerFindsWhatIsWrong: histories that cannot be are refused.
func TestTheCheckerFindsWhatIsWrong(t *testing.T) {
	one := [2]int64{1, 0}
	at := func(from, to int64, a act, told answer) porcupine.Operation {
		return porcupine.Operation{Input: a, Output: told, Call: from, Return: to}
	}
	look := act{do: "look"}
	for name, test := range map[string]struct {
		history []porcupine.Operation
		want    bool
	}{
		"the last piece goes to one of two": {[]porcupine.Operation{
			at(1, 9, act{do: "reserve", pieces: one}, answer{}), at(2, 8, act{do: "reserve", pieces: one}, answer{short: [2]bool{true}}),
		}, true},
		"the last piece goes to both": {[]porcupine.Operation{
			at(1, 9, act{do: "reserve", pieces: one}, answer{}), at(2, 8, act{do: "reserve", pieces: one}, answer{}),
		}, false},
		"a decline although there is one": {[]porcupine.Operation{
			at(1, 2, act{do: "reserve", pieces: one}, answer{short: [2]bool{true}}),
		}, false},
		"what was sold is seen to be gone": {[]porcupine.Operation{
			at(1, 2, act{do: "reserve", pieces: one}, answer{}), at(3, 4, act{do: "commit", pieces: one}, answer{}), at(5, 6, look, answer{}),
		}, true},
		"what was reserved before is not seen": {[]porcupine.Operation{
			at(1, 2, act{do: "reserve", pieces: one}, answer{}), at(3, 4, look, answer{level: [2]int64{1, 0}}),
		}, false},
		"what is being reserved may be seen or not": {[]porcupine.Operation{
			at(1, 9, act{do: "reserve", pieces: one}, answer{}), at(3, 4, look, answer{level: [2]int64{1, 0}}),
		}, true},
	} {
		if got := porcupine.CheckOperations(model(one), test.history); got != test.want {
			t.Errorf("%s: got %v", name, got)
		}
	}
}
