package conformance

import (
	"bytes"
	"fmt"

	"amends/protocol"
)

// clause is one entry of the checklist in PROTOCOL.md.
type clause struct {
	id      string
	section string // of PROTOCOL.md, which has the rule in full
	title   string // as the checklist says it
	should  bool   // it SHOULD hold
	needs   []string
	check   func(*trial) error
}

// text is the clause for people, with the place where the rule stands.
func (c clause) text() string { return c.title + " §" + c.section }

// clauses is the checklist.
var clauses = []clause{
	{id: "C1", section: "2", title: "It answers on the subjects of section 2, in the queue group of its service.", check: answersInItsGroup},
	{id: "C2", section: "3", title: "It refuses malformed JSON with malformed_request.", check: malformedIsRefused},
	{id: "C3", section: "3", title: "It refuses one name twice, also in two spellings, with duplicate_field.", check: duplicatesAreRefused},
	{id: "C4", section: "3", title: "It ignores fields it does not know, and takes null as absent.", check: unknownIsIgnored},
	{id: "C5", section: "4", title: "It refuses invalid identifiers with invalid_id, and names the field.", check: badIdentifiersAreRefused},
	{id: "C6", section: "5", title: "It refuses what is beyond the bounds of section 5 with the code stated there.", check: boundsAreKept},
	{id: "C7", section: "7", title: "It refuses a type it does not know with unknown_type.", check: unknownTypesAreRefused},
	{id: "C8", section: "7", title: "It refuses an action with compensating or reversal true, and a compensation without compensating.", check: directionIsChecked},
	{id: "C9", section: "6", title: `It reads amounts exactly: 249.99 USD is 24999 cents; 249.999 USD, -1, 1e2 and "249.99" are refused.`, check: amountsAreExact},
	{id: "C10", section: "7", title: "It echoes saga_id and step, and answers with the command's type and a suffix.", check: repliesEcho},
	{id: "C11", section: "7", title: "An accepted reply carries the ids of section 7; inventory names one reservation per sku.", check: acceptanceNamesIDs},
	{id: "C12", section: "9", title: "A refusal carries error; a technical fault carries error and retryable.", check: refusalsSayWhy},
	{id: "C13", section: "10", title: "A second attempt of an accepted action is answered with the same bytes, and nothing happens twice (F1).", check: acceptanceIsRemembered},
	{id: "C14", section: "10", title: "A second attempt of a declined action is answered with the same bytes, whatever has changed since (F1).", check: refusalIsRemembered},
	{id: "C15", section: "10", title: "An action after its compensation is refused with _failed and compensated (F2).", check: tombstoneHolds},
	{id: "C16", section: "10", title: "A compensation of an action never seen is accepted (F3), also without the ids of what it undoes.", check: nothingToUndoIsFine},
	{id: "C17", section: "10", title: "A second attempt of a compensation is answered with the same bytes, and nothing is undone twice (F1).", check: compensationIsRemembered},
	{id: "C18", section: "10", title: "The same key with other content is refused with idempotency_conflict, and nothing changes (F4).", check: otherContentIsRefused},
	{id: "C19", section: "10", title: "A worker killed at any instant and started again still fulfils C13 to C18 (F5).", needs: []string{"C13", "C14", "C15", "C16", "C17"}, check: restartForgetsNothing},
	{id: "C20", section: "10", title: "Two replicas that get the same command at once act once and answer the same (F5).", needs: []string{"C13"}, check: manyAtOnceAreOne},
	{id: "C21", section: "8", title: "It takes a command without any Amends header.", check: headersAreNotNeeded},
	{id: "C22", section: "8", title: "It echoes Amends-Key and Amends-Attempt (SHOULD).", should: true, check: headersAreEchoed},
	{id: "C23", section: "2", title: "It is listed by nats micro ls under the name of its service (SHOULD).", should: true, check: isListed},
	{id: "C24", section: "7.1", title: "Inventory takes ReleaseInventory as it takes ReleaseReservation, and echoes the name used.", check: aliasesAreTaken},
	{id: "C25", section: "7.4", title: "It answers every attempt of an action that is pending with _pending and the same request_id, begins nothing again, and answers with the result once that is there (F1).", check: pendingIsRemembered},
	{id: "C26", section: "7.4", title: "It sends a result to the address of the step, and sends the same bytes again until it gets an answer.", check: resultIsSentAgain},
	{id: "C27", section: "10", title: "It accepts the compensation of a pending action; the action never takes effect, and is refused from then on (F7).", check: compensatedWhilePending},
	{id: "C28", section: "10", title: "It accepts a reversal, leaves nothing standing, and answers a second attempt of it with the same bytes (F6).", check: reversalIsAccepted},
	{id: "C29", section: "7.4", title: "It refuses a callback that is not an address of the step of the command with invalid_field.", check: foreignCallbacksAreRefused},
	{id: "C30", section: "7.5", title: "A query is answered known with the reply that was given, pending, or none, and changes nothing: an action that comes after it is decided as if it had not been asked.", check: queriesAreAnswered},
}

// want holds that a reply has a verdict.
func want(reply []byte, v verdict) error {
	if got := verdictOf(reply); got != v {
		return fmt.Errorf("want %s, but it is %s: %s", v, got, brief(reply))
	}
	return nil
}

// isCompensated holds that an action was refused since its compensation was there
// before.
func isCompensated(reply []byte) error {
	if err := want(reply, declined); err != nil {
		return err
	}
	if got := read(reply).Error; got != "compensated" {
		return fmt.Errorf("its error is %q, want %q", got, "compensated")
	}
	return nil
}

func differs(first, second []byte) error {
	return fmt.Errorf("the first was answered %s, the second %s", brief(first), brief(second))
}

// twice sends an action twice and holds that both are answered by the same bytes.
func (t *trial) twice(saga string, v verdict, changes ...fields) (reply []byte, err error) {
	first, err := t.doAttempt(saga, 1, changes...)
	if err != nil {
		return nil, err
	}
	if err := want(first, v); err != nil {
		return nil, err
	}
	return first, t.asBefore(saga, first, changes...)
}

// asBefore sends an action once more and holds that it is answered as before.
func (t *trial) asBefore(saga string, first []byte, changes ...fields) error {
	second, err := t.doAttempt(saga, 2, changes...)
	if err != nil {
		return err
	}
	if !bytes.Equal(first, second) {
		return differs(first, second)
	}
	return nil
}

// refuses holds that a message is refused with an error object of this code and, if
// one is given, this field.
func (t *trial) refuses(subject string, body []byte, code protocol.Code, field string) error {
	reply, err := t.once(subject, body, nil)
	if err != nil {
		return fmt.Errorf("%s: %w", brief(body), err)
	}
	got := read(reply)
	if got.Type != protocol.TypeError || got.Code != string(code) || field != "" && got.Field != field {
		expected := string(code)
		if field != "" {
			expected += " of " + field
		}
		return fmt.Errorf("%s should be refused with %s, but is answered %s", brief(body), expected, brief(reply))
	}
	return nil
}

// refusesAction is refuses for an action with a fault in it. What is accepted all
// the same is undone in the end.
func (t *trial) refusesAction(saga string, fault fields, code protocol.Code, field string) error {
	if t.sagas[saga] == nil {
		t.sagas[saga] = &standing{}
	}
	return t.refuses(t.Profile.Action.Subject, encode(t.actionBody(saga, fault)), code, field)
}
