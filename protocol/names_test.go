package protocol_test

import (
	"errors"
	"testing"

	"amends/protocol"
)

func TestNamesAreBuilt(t *testing.T) {
	id := sagaID(t, "checkout42")
	for want, got := range map[string]string{
		"saga.start.checkout42":      protocol.SubjectInboxStart(id),
		"checkout.events.checkout42": protocol.SubjectEvents(id),
		"KV_SAGAS":                   protocol.BucketStream(protocol.BucketSagas),
		"$KV.SAGAS.>":                protocol.BucketSubjects(protocol.BucketSagas),
		"$KV.SAGAS.checkout42":       protocol.BucketSubject(protocol.BucketSagas, id.String()),
		"checkout42.2":               protocol.StepKey(id, 2),
		"checkout42.2.do":            protocol.IdempotencyKey(id, 2, false),
		"checkout42.2.undo":          protocol.IdempotencyKey(id, 2, true),
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
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
