package payment_test

import (
	"testing"
	"time"

	"amends/payment"
	"amends/payment/simulated"
	"amends/protocol"
	"amends/worker"
	"amends/worker/workertest"
)

var participant = workertest.Participant{
	New: newPayment, Bucket: protocol.BucketPayments,
	Action: protocol.SubjectCharge, Compensation: protocol.SubjectRefund, Query: protocol.SubjectPaymentQuery,
	Accept:  func(saga string) worker.Command { return charge(saga, "u42", "249.99") },
	Differ:  func(saga string) worker.Command { return charge(saga, "u42", "249.98") },
	Decline: func(saga string) worker.Command { return charge(saga, "u999", "249.99") },
	Undo:    func(saga string) worker.Command { return refund(saga) },
	Wrong: []workertest.Wrong{
		{Name: "no user", Change: with("user_id", ""), Code: protocol.CodeMissingField, Field: "user_id"},
		{Name: "user is a pattern", Change: with("user_id", "*"), Code: protocol.CodeInvalidID, Field: "user_id"},
		{Name: "user is a card", Change: with("user_id", "4111111111111111"), Code: protocol.CodeInvalidField, Field: "user_id"},
		{Name: "no amount", Change: with("amount", nil), Code: protocol.CodeMissingField, Field: "amount"},
		{Name: "amount is negative", Change: with("amount", -1), Code: protocol.CodeInvalidField, Field: "amount"},
		{Name: "amount is a text", Change: with("amount", "1"), Code: protocol.CodeInvalidField, Field: "amount"},
		{Name: "amount has three digits", Change: with("amount", 1.999), Code: protocol.CodeInvalidField, Field: "amount"},
		{Name: "amount is too great", Change: with("amount", 1e20), Code: protocol.CodeInvalidField, Field: "amount"},
		{Name: "unknown currency", Change: with("currency", "XYZ"), Code: protocol.CodeInvalidField, Field: "currency"},
	},
}

// newPayment is the service on the simulated bank.
func newPayment(cfg worker.Config) (*worker.Service, error) {
	return payment.New(cfg, simulated.New(simulated.Config{Writer: cfg.Writer, Silence: 20 * time.Millisecond}))
}

func charge(saga, user string, amount protocol.Decimal) protocol.ChargePayment {
	return protocol.ChargePayment{
		Command: protocol.Command{Type: protocol.TypeChargePayment, SagaID: saga, Step: 2},
		UserID:  user, Amount: amount, Currency: "USD",
	}
}

func refund(saga string) protocol.RefundPayment {
	return protocol.RefundPayment{
		Command: protocol.Command{Type: protocol.TypeRefundPayment, SagaID: saga, Step: 2, Compensating: true},
	}
}

// with changes one field of a command.
func with(field string, value any) func(map[string]any) {
	return func(command map[string]any) { command[field] = value }
}

func TestExercise(t *testing.T) { workertest.Exercise(t, participant) }

// TestDocument000 holds the answers to the letter of S0-10, S0-14 and S2-16.
func TestDocument000(t *testing.T) {
	workertest.Converse(t, participant,
		workertest.Exchange{
			Subject: protocol.SubjectCharge,
			Say:     `{"type":"ChargePayment","saga_id":"checkout42","step":2,"user_id":"u42","amount":249.99}`,
			Hear:    `{"type":"ChargePayment_ok","saga_id":"checkout42","step":2,"payment_id":"p-checkout42-2","transaction_id":"txn_919c5dcc34cfa8ee"}`,
		},
		workertest.Exchange{
			Subject: protocol.SubjectCharge,
			Say:     `{"type":"ChargePayment","saga_id":"checkout43","step":2,"user_id":"u999","amount":249.99}`,
			Hear:    `{"type":"ChargePayment_failed","saga_id":"checkout43","step":2,"error":"insufficient_funds","decline_code":"DECLINED"}`,
		},
		workertest.Exchange{
			Subject: protocol.SubjectRefund,
			Say:     `{"type":"RefundPayment","saga_id":"checkout42","step":2,"compensating":true,"payment_id":"p-checkout42-2"}`,
			Hear:    `{"type":"RefundPayment_ok","saga_id":"checkout42","step":2}`,
		},
		workertest.Exchange{
			Subject: protocol.SubjectPayment, Say: `{"saga_id":"checkout42","step":2}`,
			Hear: `{"type":"payment","saga_id":"checkout42","step":2,"user_id":"u42","currency":"USD",` +
				`"payment_id":"p-checkout42-2","transaction_id":"txn_919c5dcc34cfa8ee","amount":249.99,"status":"refunded","captured_at":1700000000000000,` +
				`"refund":{"refund_id":"rf-checkout42-2","amount":249.99,"refunded_at":1700000000000000}}`,
		},
		workertest.Exchange{
			Subject: protocol.SubjectPayment, Say: `{"saga_id":"checkout43","step":2}`,
			Hear: `{"type":"error","code":"not_found","message":"Payment not found"}`,
		},
		workertest.Exchange{
			Subject: protocol.SubjectPayment, Say: `{"saga_id":"checkout43"}`,
			Hear: `{"type":"error","code":"invalid_field","message":"must be from 1 to 64","field":"step"}`,
		},
	)
}
