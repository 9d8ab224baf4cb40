package simulated

import (
	"strconv"
	"strings"
	"time"

	"amends/protocol"
)

// behaviour is how the bank treats one of its magic users. The zero value pays.
// number is what stands behind the name: u980-3 is u980 with the number 3.
type behaviour struct {
	number int64 // of times or of milliseconds; what it is without one stands in the table

	declined *protocol.Failure // nobody takes money from this user
	refuses  *protocol.Failure // nobody gives money back to this user

	fails       when // calls that take money and end in an error, with nothing done
	drops       when // such calls that get no answer, with nothing done
	silences    when // such calls that get no answer, with the money taken
	failsRefund when // calls that give money back and end in an error, with nothing done

	decides decision // a while after it was asked
	lapses  bool     // authorizations end after so many milliseconds
}

// when says in which calls of an order something happens.
type when int

const (
	never  when = iota
	first       // in as many as the number says
	always      // in all
)

// in tells whether it happens in the n-th call.
func (w when) in(n, number int64) bool { return w == always || w == first && n <= number }

// decision is how the bank decides what it has taken in.
type decision int

const (
	atOnce decision = iota
	approvesLater
	declinesLater
	neverDecides
)

// magic is how the bank treats its magic users; README.md of payment has the same
// table in words. Everybody else pays; u42 of document 000 is one of them.
var magic = map[string]behaviour{
	"u999": {declined: failure("insufficient_funds", "DECLINED")}, // S0-14
	"u998": {declined: failure("expired_card", "EXPIRED_CARD")},
	"u997": {declined: failure("suspected_fraud", "SUSPECTED_FRAUD")},
	"u996": {declined: failure("lost_card", "LOST_CARD")},
	"u995": {declined: failure("limit_exceeded", "LIMIT_EXCEEDED")},
	"u994": {declined: failure("do_not_honor", "DO_NOT_HONOR")},

	"u980": {fails: first, number: 1},
	"u981": {fails: always},

	"u970": {silences: first, number: 1},
	"u971": {drops: first, number: 1},
	"u972": {drops: always},

	"u960": {decides: approvesLater, number: 500},
	"u961": {decides: declinesLater, number: 500},
	"u962": {decides: neverDecides},

	"u950": {failsRefund: first, number: 1},
	"u951": {refuses: failure("refund_refused", "REFUND_REFUSED")},

	"u940": {lapses: true},
}

func failure(reason, code string) *protocol.Failure {
	return &protocol.Failure{Error: reason, DeclineCode: code}
}

// behaviourOf is how a user is treated.
func behaviourOf(userID string) behaviour {
	name, number, numbered := strings.Cut(userID, "-")
	b, isMagic := magic[name]
	if !isMagic || !numbered {
		return b
	}
	n, err := strconv.ParseInt(number, 10, 32)
	if err != nil || n < 0 {
		return behaviour{} // somebody else's name
	}
	b.number = n
	return b
}

// isInstant tells whether the bank is certain of its answers without keeping
// anything in mind.
func (b behaviour) isInstant() bool {
	return b.fails == never && b.drops == never && b.silences == never && b.failsRefund == never && b.decides == atOnce
}

// holdFor is how long money stays set aside: seven days, as with the cards of
// people who pay by themselves (D4).
func (b behaviour) holdFor() time.Duration {
	if b.lapses {
		return time.Duration(b.number) * time.Millisecond
	}
	return 7 * 24 * time.Hour
}
