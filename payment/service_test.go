package payment_test

import (
	"testing"

	"amends/payment"
	"amends/protocol"
	"amends/worker"
	"amends/worker/workertest"
)

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

func TestExercise(t *testing.T) {
	workertest.Exercise(t, workertest.Participant{
		New: payment.New, Bucket: protocol.BucketPayments,
		Action: protocol.SubjectCharge, Compensation: protocol.SubjectRefund,
		Accept:  func(saga string) worker.Command { return charge(saga, "u42", "249.99") },
		Differ:  func(saga string) worker.Command { return charge(saga, "u42", "249.98") },
		Decline: func(saga string) worker.Command { return charge(saga, "u999", "249.99") },
		Undo:    func(saga string) worker.Command { return refund(saga) },
	})
}
