package inventory

import (
	"errors"
	"fmt"
	"time"

	"amends/protocol"
)

const (
	// DefaultHold is how long goods are held for sure unless somebody says
	// otherwise (D17).
	DefaultHold = 15 * time.Minute
	// DefaultRetention is how long records that hold no goods any more are kept: a
	// month longer than those of their sagas, unless somebody says otherwise.
	DefaultRetention = 120 * 24 * time.Hour
	// MinRetention is the least that may be asked for: a fence has to outlive its
	// saga (D8).
	MinRetention = 30 * 24 * time.Hour
	// KeepForEver is a Retention.
	KeepForEver = -1
)

// RetentionBeside is how long records have to be kept beside sagas whose own
// records are kept for so long; 0 is for ever. Who audits a saga that is still
// there looks for its reservation.
func RetentionBeside(sagas time.Duration) time.Duration {
	if sagas == 0 {
		return KeepForEver
	}
	return sagas + MinRetention
}

// Policy is what an inventory does where there is a choice. The zero value is a
// good one.
type Policy struct {
	// Shortage says what becomes of an order of which there is not enough, unless
	// its command says so itself: one of protocol.PolicyAllOrNothing (the
	// default), PolicyPartial and PolicyBackorder (D15).
	Shortage string
	// Hold is how long goods are held for sure. 0 is DefaultHold.
	Hold time.Duration
	// Lapse says that goods go to others when that time is over, whatever the
	// saga does (D17). It is for shops where every definition commits its
	// reservations. Without it, the service looks after the saga: one that is
	// completed has sold the goods, one that is aborted gives them up, and one
	// that is still open keeps them. A command that names its own hold_ms lapses
	// in any case.
	Lapse bool
	// Retention is how long a record that holds no goods any more is kept, after
	// its last command. 0 is DefaultRetention. It should be RetentionBeside the
	// sagas, or more.
	Retention time.Duration
}

func (p Policy) withDefaults() Policy {
	if p.Shortage == "" {
		p.Shortage = protocol.PolicyAllOrNothing
	}
	if p.Hold == 0 {
		p.Hold = DefaultHold
	}
	if p.Retention == 0 {
		p.Retention = DefaultRetention
	}
	return p
}

func (p Policy) validate() error {
	switch p.Shortage {
	case protocol.PolicyAllOrNothing, protocol.PolicyPartial, protocol.PolicyBackorder:
	default:
		return fmt.Errorf("Policy.Shortage is %q; give all_or_nothing, partial or backorder", p.Shortage)
	}
	if p.Hold < time.Second || p.Hold > protocol.MaxHoldMS*time.Millisecond {
		return errors.New("Policy.Hold must be from 1 s to 30 days")
	}
	if p.Retention < MinRetention && p.Retention != KeepForEver {
		return errors.New("Policy.Retention must be at least 30 days, or KeepForEver: a fence has to outlive its saga")
	}
	return nil
}

func (p Policy) terms() Terms {
	return Terms{Policy: p.Shortage, Hold: p.Hold.Microseconds(), Lapses: p.Lapse}
}
