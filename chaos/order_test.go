package chaos_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"amends/protocol"
)

// order is one checkout, and all that its client was ever told about it.
type order struct {
	id     string
	fields string // the request without its msg_id
	doomed bool   // it can only be aborted: no money, no goods or no way there
	trusts bool   // its client does not ask again once the order is accepted
	news   chan struct{}

	mu       sync.Mutex
	began    time.Time
	took     time.Duration // until the client knew the end
	tries    int
	accepted bool
	end      string // the terminal answer, without what belongs to the asking
	refusals map[protocol.Code]int
	faults   []string
}

// kinds are the checkouts that clients start, in the shares that add up to 100.
var kinds = []struct {
	share                int
	user, items, address string
	doomed               bool
}{
	{10, "u999", `[{"sku":"abc123","quantity":2}]`, "123 Main St", true},
	{10, "u42", `[{"sku":"abc123","quantity":1},{"sku":"xyz789","quantity":3}]`, "1 Undeliverable Rd", true},
	{5, "u42", `[{"sku":"abc123","quantity":1},{"sku":"product4","quantity":1}]`, "123 Main St", true},
	{35, "u42", `[{"sku":"abc123","quantity":1}]`, "123 Main St", false},
	{40, "u42", `[{"sku":"abc123","quantity":2},{"sku":"xyz789","quantity":1}]`, "123 Main St", false},
}

// newOrder makes an order of the kind that a number below 100 falls upon. Every
// fifth is left alone as soon as it is accepted: "accepted" has to be a promise
// that needs no reminder (I8).
func newOrder(id string, drawn int) *order {
	trusts, waitMS := drawn%5 == 4, 2000
	if trusts {
		waitMS = 0
	}
	kind := kinds[0]
	for _, k := range kinds {
		if kind = k; drawn < k.share {
			break
		}
		drawn -= k.share
	}
	return &order{
		id: id, doomed: kind.doomed, trusts: trusts, began: time.Now(),
		news: make(chan struct{}, 1), refusals: make(map[protocol.Code]int),
		fields: fmt.Sprintf(`"saga_id":%q,"user_id":%q,"items":%s,"shipping_address":%q,"wait_ms":%d`,
			id, kind.user, kind.items, kind.address, waitMS),
	}
}

// request is the next request: always the same content, with a msg_id of its own.
func (o *order) request() (try int, body []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.tries++
	return o.tries, fmt.Appendf(nil, `{"msg_id":%d,%s}`, o.tries, o.fields)
}

// hear takes in one answer to one of the requests.
func (o *order) hear(try string, body []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var a answer
	if err := json.Unmarshal(body, &a); err != nil {
		o.fault("answer %q is no JSON", body)
		return
	}
	switch {
	case a.Type == protocol.TypeError:
		o.hearError(a)
	case a.SagaID != o.id || string(a.InReplyTo) != try:
		o.fault("request %s was answered for another: %s", try, body)
	case a.Type == protocol.TypeCheckoutAccepted && (a.Status == protocol.StatusPending || a.Status == protocol.StatusCompensating):
		o.accepted = true
	case a.Type == protocol.TypeCheckoutComplete || a.Type == protocol.TypeCheckoutFailed:
		o.hearEnd(a)
	default:
		o.fault("no answer of a checkout that runs or has ended: %s", body)
	}
}

// hearError takes errors that say "ask again"; nothing is wrong with the request.
func (o *order) hearError(a answer) {
	o.refusals[a.Code]++
	switch a.Code {
	case protocol.CodeUnavailable, protocol.CodeOverloaded:
	default:
		o.fault("refused: %s %s %s", a.Code, a.Field, a.Message)
	}
}

// hearEnd holds one terminal answer against the others.
func (o *order) hearEnd(a answer) {
	end := strings.Join([]string{a.Type, a.Status, a.OrderID, a.Reason}, " ")
	if o.end != "" && o.end != end {
		o.fault("was told two ends: %q and %q", o.end, end)
	}
	if o.end == "" {
		o.took = time.Since(o.began)
	}
	o.end = end
	if (a.Status == protocol.StatusCompleted) != (a.Type == protocol.TypeCheckoutComplete) {
		o.fault("the type and the status of an end disagree: %q", end)
	}
	if o.doomed && a.Status != protocol.StatusAborted {
		o.fault("cannot end well and did: %q", end)
	}
}

func (o *order) fault(format string, args ...any) {
	o.faults = append(o.faults, fmt.Sprintf("order "+o.id+": "+format, args...))
}

// settled reports whether the client has nothing to ask any more.
func (o *order) settled() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.end != "" || o.trusts && o.accepted
}

// effort is how often the client asked, and how long it took to learn the end.
func (o *order) effort() (tries int, took time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.tries, o.took
}

// check holds what the client was told against the phase that is stored, "" if
// there is none.
func (o *order) check(phase string) []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case !isEnd(phase):
		o.fault("was left in phase %q: accepted %v, told %q, refused %v", phase, o.accepted, o.end, o.refusals)
	case o.doomed && phase != protocol.StatusAborted:
		o.fault("cannot end well and did: %q is stored", phase)
	case o.end == "" && o.trusts && o.accepted:
	case o.end == "":
		o.fault("never came to an end after %d requests: accepted %v, refused %v, stored %q", o.tries, o.accepted, o.refusals, phase)
	case strings.Fields(o.end)[1] != phase:
		o.fault("was told %q, but %q is stored", o.end, phase)
	}
	return o.faults
}

func isEnd(phase string) bool {
	return phase == protocol.StatusCompleted || phase == protocol.StatusAborted
}

// orderID numbers the orders of one client.
func orderID(prefix string, client, number int) string {
	return prefix + "-" + strconv.Itoa(client) + "-" + strconv.Itoa(number)
}
