package main

import (
	"strconv"
	"strings"

	"amends/protocol"
)

// GrantPoints asks for one point for each whole unit of money that was paid.
type GrantPoints struct {
	protocol.Command
	UserID   string           `json:"user_id"`
	Amount   protocol.Decimal `json:"amount"`
	Currency string           `json:"currency,omitempty"`
}

// GrantPointsOK names the grant.
type GrantPointsOK struct {
	GrantID string `json:"grant_id"`
	Points  int64  `json:"points"`
}

// RevokePoints takes the points back.
type RevokePoints struct{ protocol.Command }

// Grant is what the service keeps of one step: the points, and whether they were
// taken back. Times are microseconds since 1970 UTC.
type Grant struct {
	UserID    string `json:"user_id"`
	Points    int64  `json:"points"`
	GrantedAt int64  `json:"granted_at"`
	RevokedAt int64  `json:"revoked_at,omitempty"`
}

// Validate checks the command. The error is an *protocol.Error.
func (c GrantPoints) Validate() error {
	if err := check(c.Command, "GrantPoints"); err != nil {
		return err
	}
	if c.Compensating || c.Reversal {
		return invalid(map[bool]string{true: "compensating", false: "reversal"}[c.Compensating], "must be absent in an action")
	}
	if err := protocol.CheckID("user_id", c.UserID); err != nil {
		return err
	}
	_, err := c.money()
	return err
}

func (c GrantPoints) money() (protocol.Money, error) {
	currency := c.Currency
	if currency == "" {
		currency = protocol.DefaultCurrency
	}
	return protocol.ParseMoney("amount", c.Amount, currency)
}

// Validate checks the command. The error is an *protocol.Error.
func (c RevokePoints) Validate() error {
	if err := check(c.Command, "RevokePoints"); err != nil {
		return err
	}
	if !c.Compensating {
		return invalid("compensating", "must be true in a compensation")
	}
	return nil
}

// check holds what every command must say of itself.
func check(c protocol.Command, kind string) error {
	if c.Type != kind {
		return &protocol.Error{Code: protocol.CodeUnknownType, Field: "type", Message: "must be " + kind + " here"}
	}
	if c.Step < 1 || c.Step > protocol.MaxSteps {
		return invalid("step", "must be from 1 to "+strconv.Itoa(protocol.MaxSteps))
	}
	return protocol.CheckID("saga_id", c.SagaID)
}

func invalid(field, message string) error {
	return &protocol.Error{Code: protocol.CodeInvalidField, Field: field, Message: message}
}

// give decides a new grant. It is pure: the kit may ask more than once before it has
// stored a decision.
func give(c GrantPoints, at int64) (Grant, GrantPointsOK, *protocol.Failure) {
	if c.UserID == "stranger" {
		return Grant{}, GrantPointsOK{}, &protocol.Failure{Error: "not_a_member"}
	}
	money, err := c.money()
	if err != nil {
		return Grant{}, GrantPointsOK{}, &protocol.Failure{Error: "invalid_amount"}
	}
	whole, _, _ := strings.Cut(string(money.Decimal()), ".")
	points, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return Grant{}, GrantPointsOK{}, &protocol.Failure{Error: "invalid_amount"}
	}
	id := "g-" + c.SagaID + "-" + strconv.Itoa(c.Step) // the same for every attempt
	return Grant{UserID: c.UserID, Points: points, GrantedAt: at}, GrantPointsOK{GrantID: id, Points: points}, nil
}

// takeBack undoes a grant that stands. What never happened is no matter for it: the
// kit accepts that by itself.
func takeBack(_ RevokePoints, granted Grant, at int64) (Grant, *protocol.Failure) {
	granted.RevokedAt = at
	return granted, nil
}
