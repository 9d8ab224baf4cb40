package audit

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"amends/protocol"
	"amends/saga"
)

// maxKept bounds the findings, and the incidents, that a report holds. All are
// counted.
const maxKept = 1000

// maxNamed bounds the SKUs that one note names.
const maxNamed = 20

// Report is what an audit found.
type Report struct {
	StartedAt time.Time `json:"started_at"`
	TookMS    int64     `json:"took_ms"`

	Sagas   Outcomes `json:"sagas"`
	Inbox   uint64   `json:"inbox"` // messages in the inbox: sagas that run or wait to be begun
	Effects Counts   `json:"effects"`
	Money   []Sum    `json:"money"` // by currency
	Stock   Shelves  `json:"stock"`

	// Violations counts all findings; Findings holds the first of them.
	Violations int               `json:"violations"`
	Broken     map[Invariant]int `json:"broken"` // violations by invariant
	Findings   []Finding         `json:"findings"`

	// Incidents are the sagas that are STUCK and wait for a person: nothing is
	// wrong with them that is not known already. Sagas.Stuck counts them.
	Incidents []Incident `json:"incidents"`

	// Unjudged counts the sagas and SKUs that moved all the time, so that nobody
	// knows whether they are in order. The notes name them.
	Unjudged int `json:"unjudged"`

	// Notes say what the audit could not see, and why.
	Notes []string `json:"notes"`
}

// Outcomes counts sagas by what became of them.
type Outcomes struct {
	Total        int `json:"total"`
	Completed    int `json:"completed"`
	Aborted      int `json:"aborted"`
	Running      int `json:"running"`
	Compensating int `json:"compensating"`
	Stuck        int `json:"stuck"`
	Killed       int `json:"killed"`     // ended by a person where they stood
	ByHand       int `json:"by_hand"`    // with a step that a person settled
	Unprovable   int `json:"unprovable"` // the record cannot be followed
}

// Counts counts what participants have stored.
type Counts struct {
	Reservations   int `json:"reservations"`
	Authorizations int `json:"authorizations"`
	Charges        int `json:"charges"`
	Shipments      int `json:"shipments"`
	Expired        int `json:"expired"` // older than the retention: their records may have expired
}

// Sum is the money of one currency. When nothing is open, stuck or expired, Net
// is Completed.
type Sum struct {
	Currency  string           `json:"currency"`
	Charged   protocol.Decimal `json:"charged"`
	Refunded  protocol.Decimal `json:"refunded"`
	Net       protocol.Decimal `json:"net"`
	Completed protocol.Decimal `json:"completed"` // what the journals of COMPLETED sagas say
}

// Shelves is the stock of all SKUs, in pieces.
type Shelves struct {
	SKUs     int   `json:"skus"`
	OnHand   int64 `json:"on_hand"`
	Reserved int64 `json:"reserved"`
}

// Incident is a saga that waits for a person.
type Incident struct {
	SagaID string `json:"saga_id"`
	What   string `json:"what"`
}

// OK reports whether the audit found nothing. What is Unjudged may hide something.
func (r *Report) OK() bool { return r.Violations == 0 }

// tally gathers what a report says. It is used by one goroutine at a time.
type tally struct {
	report Report
	money  map[string]*account

	moved  int             // sagas whose message was replaced before they could be looked at
	judged map[string]bool // sagas that were looked at by themselves
	open   map[string]bool // those of them that have not ended

	restless map[string]bool // SKUs that could not be judged
}

// account is the money of one currency, in minor units.
type account struct{ charged, refunded, completed int64 }

func newTally(started time.Time) *tally {
	return &tally{
		report: Report{
			StartedAt: started, Broken: map[Invariant]int{},
			// Lists that are empty in JSON, and not null.
			Findings: []Finding{}, Incidents: []Incident{}, Notes: []string{},
		},
		money: map[string]*account{}, judged: map[string]bool{}, open: map[string]bool{}, restless: map[string]bool{},
	}
}

func (t *tally) find(findings ...Finding) {
	for _, f := range findings {
		t.report.Violations++
		t.report.Broken[f.Invariant]++
		if len(t.report.Findings) < maxKept {
			t.report.Findings = append(t.report.Findings, f)
		}
	}
}

func (t *tally) note(text string) { t.report.Notes = append(t.report.Notes, text) }

// count counts one saga by its outcome; nil is one whose record cannot be
// followed.
func (t *tally) count(s *Saga) {
	o := &t.report.Sagas
	o.Total++
	if s == nil {
		o.Unprovable++
		return
	}
	if slices.ContainsFunc(s.Steps, func(step Step) bool { return step.ByHand }) {
		o.ByHand++
	}
	switch s.Phase {
	case saga.Killed:
		o.Killed++
	case saga.Completed:
		o.Completed++
		t.complete(s)
	case saga.Aborted:
		o.Aborted++
	case saga.Compensating:
		o.Compensating++
	case saga.Stuck:
		o.Stuck++
		if len(t.report.Incidents) < maxKept {
			t.report.Incidents = append(t.report.Incidents, Incident{s.ID, s.Incident})
		}
	default:
		o.Running++
	}
}

// complete adds what a COMPLETED saga should have brought in.
func (t *tally) complete(s *Saga) {
	for _, step := range s.Steps {
		if charge, ok := step.Asked.(*Charge); ok && step.Vague == "" {
			a := t.account(charge.Amount.Currency)
			a.completed = plus(a.completed, charge.Amount.Minor)
		}
	}
}

// store counts one effect.
func (t *tally) store(e Effect, expired bool) {
	counts := &t.report.Effects
	switch e := e.(type) {
	case *Reservation:
		counts.Reservations++
	case *Authorization:
		counts.Authorizations++
	case *Charge:
		counts.Charges++
		a := t.account(e.Amount.Currency)
		a.charged, a.refunded = plus(a.charged, e.Amount.Minor), plus(a.refunded, e.Refunded)
	case *Shipment:
		counts.Shipments++
	default:
		return
	}
	if expired {
		counts.Expired++
	}
}

// judge remembers a saga that was looked at.
func (t *tally) judge(snap *snapshot) {
	t.judged[snap.id] = true
	if snap.saga != nil && !snap.saga.Phase.Terminal() {
		t.open[snap.id] = true
	}
}

// leave notes a saga that could not be judged.
func (t *tally) leave(id string) {
	t.report.Unjudged++
	t.note("saga " + id + " moved all the time and could not be judged")
}

// leaveStock notes the SKUs that could not be judged.
func (t *tally) leaveStock(skus map[string]bool) {
	t.report.Unjudged += len(skus)
	maps.Copy(t.restless, skus)
	names := slices.Sorted(maps.Keys(skus))
	more := ""
	if len(names) > maxNamed {
		more = fmt.Sprintf(" and %d more", len(names)-maxNamed)
		names = names[:maxNamed]
	}
	t.note(fmt.Sprintf("the stock of %s in bucket %s changed all the time and could not be judged",
		strings.Join(names, ", ")+more, protocol.BucketInventory))
}

func (t *tally) account(currency string) *account {
	if t.money[currency] == nil {
		t.money[currency] = &account{}
	}
	return t.money[currency]
}

// stock sums up the shelves.
func (t *tally) stock(s shelf) {
	sum := &t.report.Stock
	for _, stock := range s {
		sum.SKUs++
		sum.OnHand, sum.Reserved = plus(sum.OnHand, stock.OnHand), plus(sum.Reserved, stock.Reserved)
	}
}

// finish puts the report in order.
func (t *tally) finish() *Report {
	r := &t.report
	r.Money = make([]Sum, 0, len(t.money))
	for currency, a := range t.money {
		text := func(minor int64) protocol.Decimal { return protocol.Money{Minor: minor, Currency: currency}.Decimal() }
		r.Money = append(r.Money, Sum{
			Currency: currency, Charged: text(a.charged), Refunded: text(a.refunded),
			Net: text(a.charged - a.refunded), Completed: text(a.completed),
		})
	}
	slices.SortFunc(r.Money, func(a, b Sum) int { return cmp.Compare(a.Currency, b.Currency) })
	if t.moved > 0 {
		t.note(fmt.Sprintf("%d sagas moved before they could be looked at again", t.moved))
	}
	slices.SortFunc(r.Findings, compareFindings)
	slices.SortFunc(r.Incidents, func(a, b Incident) int { return cmp.Compare(a.SagaID, b.SagaID) })
	r.TookMS = time.Since(r.StartedAt).Milliseconds()
	return r
}

// compareFindings sorts by invariant, and by what is about.
func compareFindings(a, b Finding) int {
	return cmp.Or(cmp.Compare(a.Invariant.number(), b.Invariant.number()), cmp.Compare(a.SagaID, b.SagaID),
		cmp.Compare(a.SKU, b.SKU), cmp.Compare(a.Evidence, b.Evidence), cmp.Compare(a.What, b.What))
}
