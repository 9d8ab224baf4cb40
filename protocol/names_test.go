package protocol_test

import (
	"errors"
	"path"
	"strings"
	"testing"

	"amends/protocol"
)

func TestNamesAreBuilt(t *testing.T) {
	id := sagaID(t, "checkout42")
	for want, got := range map[string]string{
		"saga.run.checkout42":        protocol.SubjectInbox(id),
		"timer.at.checkout42":        protocol.SubjectTimer(id),
		"timer.due.checkout42":       protocol.SubjectTimerDue(id),
		"checkout.events.checkout42": protocol.SubjectEvents(id),
		"checkout.nudge.checkout42":  protocol.SubjectNudge(id),
		"payment.faults":             protocol.SubjectFaults(protocol.ServicePayment),
		"faults.payment":             protocol.SubjectInjected(protocol.ServicePayment),
		"order.o123.OrderCreated":    protocol.SubjectOrderEvent("o123", "OrderCreated"),
		"checkout.9f2c":              protocol.DefinitionKey("checkout", "9f2c"),
		"KV_SAGAS":                   protocol.BucketStream(protocol.BucketSagas),
		"$KV.SAGAS.>":                protocol.BucketSubjects(protocol.BucketSagas),
		"$KV.SAGAS.checkout42":       protocol.BucketSubject(protocol.BucketSagas, id.String()),
		"checkout42.2":               protocol.StepKey(id, 2),
		"checkout42.2.do":            protocol.IdempotencyKey(id, 2, false),
		"checkout42.2.undo":          protocol.IdempotencyKey(id, 2, true),
		"checkout42.2.reverse":       protocol.ReversalKey(id, 2),

		"checkout.callback.checkout42.2.t0k3n": protocol.SubjectCallback(id, 2, "t0k3n"),
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// TestSubjectsFallUnderTheirPatterns holds that what is built for one saga is
// what the patterns take, whatever letters an identifier has.
func TestSubjectsFallUnderTheirPatterns(t *testing.T) {
	id := sagaID(t, "A_-9")
	for built, patterns := range map[string][]string{
		protocol.SubjectInbox(id):               {protocol.InboxSubjects},
		protocol.SubjectTimer(id):               {protocol.TimerSubjects},
		protocol.SubjectTimerDue(id):            {protocol.TimerSubjects, protocol.TimersDue},
		protocol.SubjectEvents(id):              {protocol.SubjectAllEvents},
		protocol.SubjectNudge(id):               {protocol.SubjectNudges},
		protocol.SubjectCallback(id, 64, "t"):   {protocol.SubjectCallbacks},
		protocol.SubjectOrderEvent("o", "Made"): {protocol.OrderSubjects},
		protocol.SubjectInjected("payment"):     {protocol.SubjectAllInjected},
	} {
		for _, pattern := range patterns {
			if ok, err := path.Match(strings.ReplaceAll(pattern, ".", "/"), strings.ReplaceAll(built, ".", "/")); !ok {
				t.Errorf("%s is not of %s: %v", built, pattern, err)
			}
		}
	}
}

// TestAnswersGoToClientsOnly holds that nobody who asks can have the answer
// written into a stream, a bucket or a subject of the server.
func TestAnswersGoToClientsOnly(t *testing.T) {
	id := sagaID(t, "checkout42")
	for _, stored := range []string{
		"$JS.API.STREAM.DELETE.KV_SAGAS", protocol.BucketSubject(protocol.BucketSagas, "checkout42"),
		protocol.SubjectInbox(id), protocol.SubjectTimer(id), protocol.SubjectTimerDue(id),
		protocol.SubjectOrderEvent("o123", "OrderCreated"),
		"_INBOX." + strings.Repeat("x", protocol.MaxReplySubject),
	} {
		if protocol.IsReplySubject(stored) {
			t.Errorf("an answer may be sent to %s", stored)
		}
	}
	for _, waiting := range []string{"", "_INBOX.x.1", "orders.desk", "sagas"} {
		if !protocol.IsReplySubject(waiting) {
			t.Errorf("no answer may be sent to %q", waiting)
		}
	}
}

// TestD6_KeyTellsDoingFromUndoing holds that a command's key has no attempt in
// it, but a direction.
func TestD6_KeyTellsDoingFromUndoing(t *testing.T) {
	do := protocol.ReserveInventory{Command: action("ReserveInventory")}.Header()
	undo := protocol.ReleaseReservation{Command: compensation("ReleaseReservation")}.Header()
	id := sagaID(t, do.SagaID)
	doKey := protocol.IdempotencyKey(id, do.Step, do.Compensating)
	undoKey := protocol.IdempotencyKey(id, undo.Step, undo.Compensating)
	if doKey != "checkout42.1.do" || undoKey != "checkout42.1.undo" {
		t.Errorf("got %s and %s", doKey, undoKey)
	}
}

func TestErrorsAreToldByTheirCode(t *testing.T) {
	err := protocol.CheckID("user_id", "a b")
	if !errors.Is(err, &protocol.Error{Code: badID}) || errors.Is(err, &protocol.Error{Code: missing}) {
		t.Errorf("%v is not told by its code", err)
	}
	if got := protocol.AsError(errors.New("password=canary")); got.Code != protocol.CodeInternal {
		t.Errorf("got %v", got)
	} else {
		checkRefusal(t, got, protocol.CodeInternal, "")
	}
}
