package audit

import "amends/protocol"

// Charge is money taken, and how much of it was given back: at once, on request,
// or as the capture of an authorization.
type Charge struct {
	Origin
	Amount      protocol.Money
	Refunded    int64 // minor units of the same currency
	User        Print
	Payment     Print // of the payment_id
	Transaction Print // of the transaction_id
	// Unsettled says that all of it was given back, by a row that says it stands.
	Unsettled bool
}

// Place is where it belongs.
func (c *Charge) Place() Place   { return Place{protocol.BucketPayments, c.Step} }
func (c *Charge) String() string { return "charge of " + c.Amount.String() }

// flaws hold refunds to D19 and D13: never more goes back than was taken, and
// what is called refunded went back as a whole.
func (c *Charge) flaws() []flaw {
	given := protocol.Money{Minor: c.Refunded, Currency: c.Amount.Currency}
	var f flaws
	switch {
	case c.Refunded < 0, c.Refunded > c.Amount.Minor:
		f.when(true, I12, "gave back %s, which is not a part of it", given)
	case c.State == Undone && c.Refunded != c.Amount.Minor:
		f.when(true, I2, "is refunded, but only %s was given back", given)
	case c.Unsettled:
		f.when(true, I2, "stands although %s was given back", given)
	}
	return f
}

func (c *Charge) differs(asked Effect) []flaw {
	want, _ := asked.(*Charge)
	var f flaws
	f.when(want.Amount.Currency != "" && c.Amount != want.Amount, I2, "%s instead of %s", c.Amount, want.Amount)
	f.when(!c.User.agrees(want.User), I2, "another user_id")
	payment := I10
	if c.State == Undone {
		payment = I12
	}
	f.when(!c.Payment.agrees(want.Payment), payment, "another payment_id")
	f.when(!c.Transaction.agrees(want.Transaction), I10, "another transaction_id")
	return f
}

// print leaves out the transaction_id, which a definition need not keep.
func (c *Charge) print() (Print, bool) {
	return c.printOf('c', printOfMoney(c.Amount), c.User, c.Payment)
}

// Authorization is money set aside, of which captures take their part (D3).
type Authorization struct {
	Origin
	Amount   protocol.Money
	Captured int64 // minor units, of all captures
	User     Print
	ID       Print // of the authorization_id
}

// Place is where it belongs.
func (a *Authorization) Place() Place   { return Place{protocol.BucketPayments, a.Step} }
func (a *Authorization) String() string { return "authorization of " + a.Amount.String() }

func (a *Authorization) flaws() []flaw {
	taken := protocol.Money{Minor: a.Captured, Currency: a.Amount.Currency}
	var f flaws
	f.when(a.Captured > a.Amount.Minor, I2, "let %s be captured, which is more", taken)
	return f
}

func (a *Authorization) differs(asked Effect) []flaw {
	want, _ := asked.(*Authorization)
	var f flaws
	f.when(a.Amount != want.Amount, I2, "%s instead of %s", a.Amount, want.Amount)
	f.when(!a.User.agrees(want.User), I2, "another user_id")
	f.when(!a.ID.agrees(want.ID), I10, "another authorization_id")
	return f
}

func (a *Authorization) print() (Print, bool) {
	return a.printOf('a', printOfMoney(a.Amount), a.User, a.ID)
}

// printOfMoney is 0 for no amount at all.
func printOfMoney(m protocol.Money) Print {
	if m.Currency == "" {
		return 0
	}
	return max(mix(PrintOf(m.Currency)^Print(m.Minor)), 1)
}
