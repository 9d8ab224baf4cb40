package payment

import (
	"context"
	"errors"
	"time"

	"amends/protocol"
	"amends/worker"
)

// desk stands between the ledger and the gateway. It lets the ledger begin, asks
// the gateway, and lets the ledger finish: at once if the gateway is an instant
// one, else when the kit has stored what was begun.
type desk struct {
	gateway Gateway
	instant Instant // nil if every order has to be submitted
	now     func() time.Time
}

func newDesk(g Gateway, now func() time.Time) *desk {
	instant, _ := g.(Instant)
	return &desk{gateway: g, instant: instant, now: now}
}

// decision is what the kit is told about a command.
type decision = worker.Decision[Payment]

func (d *desk) charge(cmd protocol.ChargePayment, _ *Payment, at int64) (decision, error) {
	amount, err := cmd.Money()
	if err != nil {
		return decision{}, err
	}
	return d.begin(BeginCharge(cmd.Command, cmd.UserID, amount), cmd.Command, at)
}

// request is a charge of which nothing is said before the gateway has decided,
// other than that it was taken in (S4-09).
func (d *desk) request(cmd protocol.RequestPayment, _ *Payment, _ int64) (decision, error) {
	amount, err := cmd.Money()
	if err != nil {
		return decision{}, err
	}
	row := BeginCharge(cmd.Command, cmd.UserID, amount)
	return worker.Defer(&row, worker.Later{RequestID: requestID(cmd.Command), Callback: cmd.Callback}), nil
}

func (d *desk) authorize(cmd protocol.AuthorizePayment, _ *Payment, at int64) (decision, error) {
	amount, err := cmd.Money()
	if err != nil {
		return decision{}, err
	}
	return d.begin(BeginAuthorization(cmd.Command, cmd.UserID, amount), cmd.Command, at)
}

func (d *desk) capture(cmd protocol.CapturePayment, row *Payment, at int64) (decision, error) {
	after, declined, err := BeginCapture(cmd, row, at)
	if declined != nil || err != nil {
		return worker.Decline(row, declined), err
	}
	return d.begin(after, cmd.Command, at)
}

func (d *desk) refund(cmd protocol.RefundPayment, row *Payment, at int64) (decision, error) {
	after, done, declined, err := BeginRefund(cmd, row)
	return d.undo(row, after, done, declined, err, cmd.Command, at)
}

func (d *desk) void(cmd protocol.VoidPayment, row *Payment, at int64) (decision, error) {
	after, done, declined, err := BeginVoid(cmd, row)
	return d.undo(row, after, done, declined, err, cmd.Command, at)
}

func (d *desk) undo(
	row *Payment, after Payment, done bool, declined *protocol.Failure, err error, c protocol.Command, at int64,
) (decision, error) {
	switch {
	case err != nil || declined != nil:
		return worker.Decline(row, declined), err
	case done:
		return worker.Accept(row, nil), nil
	}
	return d.begin(after, c, at)
}

// begin decides at once what the gateway is certain of, and leaves everything
// else to be stored first.
func (d *desk) begin(row Payment, c protocol.Command, at int64) (decision, error) {
	if d.instant == nil {
		return worker.Begin(&row), nil
	}
	o, err := OrderOf(&row, c, at)
	if err != nil {
		return decision{}, err
	}
	if receipt, ok := d.instant.Answer(o); ok {
		return decided(Finish(row, c, receipt, at))
	}
	return worker.Begin(&row), nil
}

// decided is what the kit is told of an outcome.
func decided(o Outcome, err error) (decision, error) {
	switch {
	case err != nil:
		return decision{}, err
	case o.Open:
		return worker.Begin(o.Row), nil
	case o.Declined != nil:
		return worker.Decline(o.Row, o.Declined), nil
	}
	return worker.Accept(o.Row, o.OK), nil
}

// finishing is how a command ends with a receipt, whatever has become of the row.
func finishing(
	end func(Payment, protocol.Command, Receipt, int64) (Outcome, error), c protocol.Command, r Receipt,
) worker.Finish[Payment] {
	return func(row Payment, at int64) (decision, error) { return decided(end(row, c, r, at)) }
}

// Find looks a command up at the gateway. It is part of worker.Outside.
func (d *desk) Find(ctx context.Context, c protocol.Command, row Payment) (worker.Finish[Payment], error) {
	return d.ask(c, row, func(o Order) (Receipt, error) { return d.gateway.Find(ctx, o) })
}

// Submit hands a command in at the gateway. It is part of worker.Outside.
func (d *desk) Submit(ctx context.Context, c protocol.Command, row Payment) (worker.Finish[Payment], error) {
	return d.ask(c, row, func(o Order) (Receipt, error) { return d.gateway.Submit(ctx, o) })
}

func (d *desk) ask(c protocol.Command, row Payment, call func(Order) (Receipt, error)) (worker.Finish[Payment], error) {
	o, err := OrderOf(&row, c, d.now().UnixMicro())
	if err != nil {
		return nil, err
	}
	receipt, err := d.answer(o, call)
	if err != nil || receipt.State == None {
		return nil, err
	}
	return finishing(Finish, c, receipt), nil
}

// Withdraw has the gateway reverse a command. It is part of worker.Outside.
func (d *desk) Withdraw(ctx context.Context, c protocol.Command, row Payment) (worker.Finish[Payment], error) {
	o := ReverseOf(&row, c, d.now().UnixMicro())
	receipt, err := d.answer(o, func(o Order) (Receipt, error) { return d.gateway.Submit(ctx, o) })
	if err != nil {
		return nil, err
	}
	return finishing(Withdrawn, c, receipt), nil
}

func (d *desk) answer(o Order, call func(Order) (Receipt, error)) (Receipt, error) {
	if d.instant != nil {
		if receipt, ok := d.instant.Answer(o); ok {
			return receipt, nil
		}
	}
	receipt, err := call(o)
	if err != nil {
		return receipt, trouble(err)
	}
	return receipt, nil
}

// trouble tells the sender of a command that the gateway did not decide: it is
// technical, and worth another try (D20).
func trouble(err error) error {
	t := protocol.Trouble{Error: "gateway_error", Message: "Payment gateway error", Retryable: true}
	if errors.Is(err, ErrNoAnswer) || errors.Is(err, context.DeadlineExceeded) {
		t.Error, t.Message = "gateway_timeout", "Payment gateway error: no answer in time"
	}
	return errors.Join(&worker.TroubleError{Trouble: t}, err)
}
