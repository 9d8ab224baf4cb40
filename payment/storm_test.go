package payment_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"amends/payment"
	"amends/protocol"

	"github.com/nats-io/nats.go/jetstream"
)

var (
	stormSeed  = flag.Uint64("storm.seed", 0, "of TestStorm; 0 is a random one")
	stormSagas = flag.Int("storm.sagas", 40, "of TestStorm")
)

// TestStorm: many payments at once over a gateway that fails now and then, by
// replicas that are killed one after the other, with commands that come twice, out
// of order, and after they were undone. When it is over, the bank and the rows
// agree about every cent, and what was undone has cost nothing (D6, D9, D24, F6).
func TestStorm(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes ten seconds")
	}
	seed := *stormSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-storm.seed=%d", seed)
	var mu sync.Mutex
	dice := rand.New(rand.NewPCG(seed, 1))
	s := newShop(t, func(g payment.Gateway) payment.Gateway { return faulty{g, &mu, dice} })
	s.awaitResults()
	weather := make(chan struct{})
	var kills sync.WaitGroup
	kills.Go(func() { s.killAgainAndAgain(weather) })
	plots := make([]*plot, *stormSagas)
	var all sync.WaitGroup
	for i := range plots {
		p := newPlot(fmt.Sprintf("storm-%d", i), rand.New(rand.NewPCG(seed, uint64(i)+2)))
		plots[i] = p
		all.Go(func() { p.play(s) })
	}
	all.Wait()
	close(weather)
	kills.Wait()
	s.eventually("nothing is owed", func() bool { return s.owed() == 0 })
	for _, p := range plots {
		p.check(s)
	}
}

// stormKills is how many replicas die in a storm.
const stormKills = 15

// killAgainAndAgain has two replicas at work, one of which is always about to die.
func (s *shop) killAgainAndAgain(until chan struct{}) {
	_, link := s.open()
	for range stormKills {
		select {
		case <-until:
			return
		case <-time.After(50 * time.Millisecond):
			link.Close()
			_, link = s.open()
		}
	}
}

// plot is what happens to one saga.
type plot struct {
	saga, user string
	kind       int // 0 charges, 1 requests, 2 authorizes and captures
	undone     bool
	early      bool // undone before anybody knows the outcome
	dice       *rand.Rand
	accepted   bool
}

func newPlot(saga string, dice *rand.Rand) *plot {
	users := []string{"u970-0", "u970", "u971", "u980-2", "u960-30", "u961-30", "u950", "u962"}
	p := &plot{saga: saga, user: users[dice.IntN(len(users))], kind: dice.IntN(3), dice: dice}
	p.early, p.undone = dice.IntN(4) == 0, dice.IntN(2) == 0
	if p.user == "u962" {
		p.early = true // nobody else will ever know
	}
	p.undone = p.undone || p.early
	return p
}

// do is the subject and body of what the plot begins with.
func (p *plot) do() (subject, body string) {
	switch p.kind {
	case 0:
		return protocol.SubjectCharge, chargeBy(p.saga, p.user)
	case 1:
		return protocol.SubjectRequestPayment, requestBy(p.saga, p.user)
	}
	return protocol.SubjectAuthorize, authorizeBy(p.saga, p.user)
}

func (p *plot) play(s *shop) {
	subject, body := p.do()
	if p.early {
		for range p.dice.IntN(3) {
			p.once(s, subject, body)
		}
	} else {
		p.accepted = p.decide(s, subject, body)
		if p.kind == 2 && p.accepted {
			p.accepted = p.decide(s, protocol.SubjectCapture, captureOf(p.saga, "4", "249.99"))
			p.undone = p.undone || !p.accepted
		}
	}
	if !p.undone {
		return
	}
	if p.kind == 2 {
		if p.early && p.dice.IntN(2) == 0 {
			p.once(s, protocol.SubjectCapture, captureOf(p.saga, "4", "249.99"))
		}
		p.undo(s, protocol.SubjectRefund, refundOf(p.saga, "4", ""))
		p.undo(s, protocol.SubjectVoid, voidOf(p.saga))
		p.once(s, protocol.SubjectCapture, captureOf(p.saga, "4", "249.99")) // late
	} else {
		p.undo(s, protocol.SubjectRefund, refundOf(p.saga, "2", ""))
	}
	p.once(s, subject, body) // late
}

// once sends a command and does not care.
func (p *plot) once(s *shop, subject, body string) {
	_, _ = s.client.Request(subject, []byte(body), time.Duration(p.dice.IntN(50))*time.Millisecond)
}

// decide sends an action until it is decided, also if that is told elsewhere.
func (p *plot) decide(s *shop, subject, body string) (accepted bool) {
	answer := s.verdict(subject, body)
	for until := time.Now().Add(patience); strings.Contains(answer, "_pending"); <-time.After(10 * time.Millisecond) {
		if time.Now().After(until) {
			s.Fatalf("%s is never decided", body)
		}
		answer = s.verdict(subject, body)
	}
	return brief(answer) == "ok"
}

func (p *plot) undo(s *shop, subject, body string) {
	if got := brief(s.verdict(subject, body)); got != "ok" {
		s.Errorf("%s by %s: %s is answered %q", p.saga, p.user, body, got)
	}
}

// check holds what the row says, and what the bank says, to what was to happen.
func (p *plot) check(s *shop) {
	want := int64(0)
	if p.accepted && !p.undone {
		want = 249_99
	}
	if got := p.inRow(s); got != want {
		s.Errorf("%s of kind %d by %s: the row has %d, want %d", p.saga, p.kind, p.user, got, want)
	}
	if got, account := p.inBank(s); got != want {
		s.Errorf("%s of kind %d by %s: the bank has %d, want %d: %s", p.saga, p.kind, p.user, got, want, account)
	}
}

// inRow is what was captured and not given back, in cents.
func (p *plot) inRow(s *shop) (net int64) {
	row, _ := s.row(p.saga, "2")
	captures := []payment.Capture{row.Capture}
	if row.Authorization != nil {
		captures = row.Authorization.Captures
	}
	for _, c := range captures {
		if c.Status == payment.Captured {
			net += cents(s, c.Amount)
		}
	}
	return net
}

// inBank is the same by the bank's own memory.
func (p *plot) inBank(s *shop) (net int64, account string) {
	js, err := jetstream.New(s.client)
	if err != nil {
		s.Fatal(err)
	}
	kv, err := js.KeyValue(s.soon(), protocol.BucketBank)
	if err != nil {
		s.Fatal(err)
	}
	entry, err := kv.Get(s.soon(), p.saga)
	if err != nil {
		return 0, "" // it was never asked
	}
	var told struct {
		Orders map[string]struct {
			Kind, Of, Declined string
			Amount             protocol.Decimal
			Done, Reversed     bool
		}
	}
	if err := json.Unmarshal(entry.Value(), &told); err != nil {
		s.Fatal(err)
	}
	for _, o := range told.Orders {
		switch {
		case !o.Done || o.Declined != "" || o.Reversed || strings.HasPrefix(p.user, "u961"):
		case o.Kind == "charge" || o.Kind == "capture":
			net += cents(s, o.Amount)
		case o.Kind == "refund" && !told.Orders[o.Of].Reversed:
			net -= cents(s, o.Amount)
		}
	}
	return net, string(entry.Value())
}

func cents(s *shop, amount protocol.Decimal) int64 {
	m, err := protocol.ParseMoney("amount", amount, "USD")
	if err != nil {
		s.Fatal(err)
	}
	return m.Minor
}
