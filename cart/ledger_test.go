package cart

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"amends/protocol"

	"pgregory.net/rapid"
)

// TestRecentIsBounded: the memory of changes does not grow with the cart's age,
// and reaches back far enough.
func TestRecentIsBounded(t *testing.T) {
	c := Cart{UserID: "u42", CartID: "c"}
	for i := range 3 * maxRecent {
		line := protocol.Line{SKU: "abc123", Quantity: 1}
		var err error
		if c, _, err = c.Add(line, 1000, fmt.Sprint("r", i), 7); err != nil {
			t.Fatal(err)
		}
		if again, changed, err := c.Add(line, 1000, fmt.Sprint("r", max(0, i-maxRecent+1)), 7); changed || err != nil || again.Version != c.Version {
			t.Fatalf("change %d is forgotten after %d", max(0, i-maxRecent+1), i)
		}
	}
	if len(c.Recent) != maxRecent || c.Version != 3*maxRecent {
		t.Errorf("%d changes are remembered, the version is %d", len(c.Recent), c.Version)
	}
}

// TestNothingGivenIsChanged: the rules may run again on the same record.
func TestNothingGivenIsChanged(t *testing.T) {
	before := Cart{UserID: "u42", CartID: "c", Version: 3, Items: []protocol.Line{{SKU: "a", Quantity: 2}, {SKU: "b", Quantity: 1}}}
	want := fmt.Sprintf("%+v", before)
	for range 2 {
		_, _, _ = before.Add(protocol.Line{SKU: "a", Quantity: 1}, 9, "r1", 7)
		_, _, _ = before.Remove(protocol.Line{SKU: "a"}, "r2", 7)
		begun, _, _ := before.Begin(protocol.CartCheckout{}, "r3", 7)
		retried, _, _ := begun.Retry(*begun.Checkout, "r4", 8)
		_, _, _ = retried.Settle(begun.Checkout.SagaID, End{Status: protocol.StatusAborted}, 9)
		if begun.Checkout.Attempts != 1 {
			t.Errorf("a retry changed the checkout that it was made from: %+v", begun.Checkout)
		}
	}
	if got := fmt.Sprintf("%+v", before); got != want {
		t.Errorf("was %s, is %s", want, got)
	}
}

// TestWithdrawIsForTheFirstAttemptOnly, and leaves no trace if nothing was added
// meanwhile.
func TestWithdraw(t *testing.T) {
	before := Cart{UserID: "u42", CartID: "c", Version: 3, Items: []protocol.Line{{SKU: "a", Quantity: 2}}}
	begun, _, _ := before.Begin(protocol.CartCheckout{}, "r1", 7)
	added, _, _ := begun.Add(protocol.Line{SKU: "b", Quantity: 1}, 9, "r2", 7)
	emptied, _, _ := added.Remove(protocol.Line{SKU: "b"}, "r3", 7)
	retried, _, _ := begun.Retry(*begun.Checkout, "r4", 8)
	for _, c := range []struct {
		name    string
		cart    Cart
		own     bool
		changed bool
		version int64
		items   int
	}{
		{"untouched", begun, false, true, 3, 1},
		{"untouched, its saga_id is taken", begun, true, true, 5, 1},
		{"added to", added, false, true, 6, 2},
		{"added to and taken out again", emptied, false, true, 7, 1},
		{"tried again", retried, false, false, 4, 0},
		{"settled", before, false, false, 3, 1},
	} {
		after, changed, err := c.cart.Withdraw(*begun.Checkout, c.own, 9)
		if err != nil || changed != c.changed || after.Version != c.version || len(after.Items) != c.items {
			t.Errorf("%s: got %+v, %v, %v", c.name, after, changed, err)
		}
	}
}

// model is a cart as simply as it can be said: pieces by product.
type model struct {
	next, locked, bought, in, out map[string]int64
	changes                       map[string]string // by id
	seen                          map[string]bool   // saga ids that were ever begun
	contents                      map[int64]string  // by version
}

func pieces(items []protocol.Line) map[string]int64 {
	sum := make(map[string]int64)
	for _, line := range items {
		sum[line.SKU] += line.Quantity
	}
	return sum
}

func add(to map[string]int64, from map[string]int64) {
	for sku, n := range from {
		to[sku] += n
	}
}

// cartMachine does to a record and to its model the same.
type cartMachine struct {
	cart Cart
	m    model
	at   int64
}

func (cm *cartMachine) line(t *rapid.T, least int64) (protocol.Line, string) {
	line := protocol.Line{
		SKU:      rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "sku"),
		Quantity: rapid.SampledFrom([]int64{least, 1, 600}).Draw(t, "quantity"),
	}
	return line, fmt.Sprint("r", rapid.IntRange(0, 20).Draw(t, "request"))
}

// known tells what must happen to a change: it was made, it is another one of the
// same name, or it is new.
func (cm *cartMachine) known(t *rapid.T, what, id string, changed bool, err error) (isNew bool) {
	before, there := cm.m.changes[id]
	switch {
	case !there:
		return true
	case before == what && (changed || err != nil):
		t.Fatalf("%s was made twice: %v", what, err)
	case before != what && !errors.Is(err, &protocol.Error{Code: protocol.CodeIdempotencyConflict}):
		t.Fatalf("%s was taken for %s: %v", what, before, err)
	}
	return false
}

func (cm *cartMachine) add(t *rapid.T) {
	line, id := cm.line(t, 3)
	available := rapid.SampledFrom([]int64{-1, 3, 5000, 5000}).Draw(t, "available")
	after, changed, err := cm.cart.Add(line, available, id, cm.at)
	what := fmt.Sprint("add ", line)
	if !cm.known(t, what, id, changed, err) {
		return
	}
	wants := cm.m.next[line.SKU] + line.Quantity
	full := wants+cm.m.locked[line.SKU] > protocol.MaxQuantity
	if refused := wants > available || full; refused != !changed || refused != (err != nil) {
		t.Fatalf("%s with %d there: changed %v, %v", what, available, changed, err)
	}
	if changed {
		cm.m.next[line.SKU] += line.Quantity
		cm.m.in[line.SKU] += line.Quantity
		cm.m.changes[id] = what
	}
	cm.cart = after
}

func (cm *cartMachine) remove(t *rapid.T) {
	line, id := cm.line(t, 0)
	after, changed, err := cm.cart.Remove(line, id, cm.at)
	what := fmt.Sprint("remove ", line)
	if !cm.known(t, what, id, changed, err) {
		return
	}
	gone := min(line.Quantity, cm.m.next[line.SKU])
	if line.Quantity == 0 {
		gone = cm.m.next[line.SKU]
	}
	if err != nil || changed != (gone > 0) {
		t.Fatalf("%s: changed %v, %v", what, changed, err)
	}
	if changed {
		cm.m.next[line.SKU] -= gone
		cm.m.out[line.SKU] += gone
		cm.m.changes[id] = what
	}
	cm.cart = after
}

func (cm *cartMachine) begin(t *rapid.T) {
	version := cm.cart.Version + rapid.Int64Range(-2, 1).Draw(t, "version")
	if version <= 0 || rapid.Bool().Draw(t, "any version") {
		version = 0
	}
	after, changed, err := cm.cart.Begin(protocol.CartCheckout{Version: version}, "by", cm.at)
	may := cm.cart.Checkout == nil && len(cm.cart.Items) > 0 && (version == 0 || version == cm.cart.Version) && !cm.cart.isLast(version)
	if changed != may {
		t.Fatalf("begin of %d: changed %v, %v", version, changed, err)
	}
	if changed {
		cm.m.locked, cm.m.next = cm.m.next, make(map[string]int64)
		cm.m.seen[after.Checkout.SagaID] = true
	}
	cm.cart = after
}

func (cm *cartMachine) settle(t *rapid.T) {
	saga := "cart-c-0"
	if cm.cart.Checkout != nil && rapid.IntRange(0, 3).Draw(t, "another") > 0 {
		saga = cm.cart.Checkout.SagaID
	}
	status := rapid.SampledFrom([]string{protocol.StatusCompleted, protocol.StatusAborted, protocol.StatusKilled}).Draw(t, "status")
	mine := cm.cart.Checkout != nil && cm.cart.Checkout.SagaID == saga
	after, changed, err := cm.cart.Settle(saga, End{Status: status}, cm.at)
	if err != nil || changed != mine {
		t.Fatalf("settle %s as %s: changed %v, %v", saga, status, changed, err)
	}
	if changed {
		back := cm.m.next
		if status == protocol.StatusCompleted {
			back = cm.m.bought
		}
		add(back, cm.m.locked)
		cm.m.locked = make(map[string]int64)
	}
	cm.cart = after
}

func (cm *cartMachine) retryOrWithdraw(t *rapid.T) {
	if cm.cart.Checkout == nil {
		return
	}
	of := *cm.cart.Checkout
	if rapid.Bool().Draw(t, "retry") {
		after, changed, err := cm.cart.Retry(of, "again", cm.at)
		if _, twice, _ := after.Retry(of, "again", cm.at); err != nil || !changed || twice {
			t.Fatalf("retry: changed %v, then %v, %v", changed, twice, err)
		}
		cm.cart = after
		return
	}
	after, changed, err := cm.cart.Withdraw(of, false, cm.at)
	if err != nil || changed != (of.Attempts == 1) {
		t.Fatalf("withdraw: changed %v, %v", changed, err)
	}
	if changed {
		add(cm.m.next, cm.m.locked)
		cm.m.locked = make(map[string]int64)
		delete(cm.m.seen, of.SagaID) // it may be used again
	}
	cm.cart = after
}

// check: no piece is lost or made, a version is one content or none, and what
// lies in a cart can be bought.
func (cm *cartMachine) check(t *rapid.T) {
	cm.at++
	clean := func(m map[string]int64) map[string]int64 {
		m = maps.Clone(m)
		maps.DeleteFunc(m, func(_ string, n int64) bool { return n == 0 })
		return m
	}
	locked := map[string]int64{}
	if cm.cart.Checkout != nil {
		locked = pieces(cm.cart.Checkout.Items)
	}
	if !maps.Equal(pieces(cm.cart.Items), clean(cm.m.next)) || !maps.Equal(locked, clean(cm.m.locked)) {
		t.Fatalf("the record is %+v, the model %+v", cm.cart, cm.m)
	}
	if content := fmt.Sprint(pieces(cm.cart.Items)); len(cm.cart.Items) > 0 {
		if before, there := cm.m.contents[cm.cart.Version]; there && before != content {
			t.Fatalf("version %d was %s and is %s", cm.cart.Version, before, content)
		}
		cm.m.contents[cm.cart.Version] = content
	}
	left := clean(cm.m.in)
	for _, gone := range []map[string]int64{cm.m.out, cm.m.bought, cm.m.next, cm.m.locked} {
		for sku, n := range gone {
			left[sku] -= n
		}
	}
	if len(clean(left)) > 0 {
		t.Fatalf("pieces are lost or made: %v", left)
	}
	for _, items := range [][]protocol.Line{cm.cart.Items, cm.cart.returning(cm.cart.Items)} {
		request := protocol.StartRequest{UserID: "u42", Items: items, ShippingAddress: "1 Here St"}
		if err := request.Validate(); err != nil && len(items) > 0 {
			t.Fatalf("%v cannot be bought: %v", items, err)
		}
	}
}

// TestAgainstAModel does anything to a cart in any order.
func TestAgainstAModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cm := &cartMachine{cart: Cart{UserID: "u42", CartID: "c"}, at: 1}
		cm.m = model{
			next: map[string]int64{}, locked: map[string]int64{}, bought: map[string]int64{}, in: map[string]int64{},
			out: map[string]int64{}, changes: map[string]string{}, seen: map[string]bool{}, contents: map[int64]string{},
		}
		begin := func(t *rapid.T) {
			known := slices.Collect(maps.Keys(cm.m.seen))
			running := cm.cart.Checkout
			cm.begin(t)
			if now := cm.cart.Checkout; running == nil && now != nil && slices.Contains(known, now.SagaID) {
				t.Fatalf("two checkouts are one saga, %s", now.SagaID)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"add": cm.add, "remove": cm.remove, "begin": begin, "settle": cm.settle, "retry or withdraw": cm.retryOrWithdraw,
			"": cm.check,
		})
	})
}
