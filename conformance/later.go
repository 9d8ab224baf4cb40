package conformance

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"amends/protocol"

	"github.com/nats-io/nats.go"
)

// Actions whose result comes later: the run is the orchestrator that awaits it.

// results are what has come to the address of one step.
type results struct {
	sub *nats.Subscription
}

// address is where the result of an action is awaited.
func (t *trial) address(saga string) string {
	id, err := protocol.ParseSagaID(saga)
	if err != nil {
		return "" // a saga id that is sent to be refused
	}
	return protocol.SubjectCallback(id, t.Profile.Step, "conform-"+t.id)
}

// expectResult listens on the address of a step.
func (t *trial) expectResult(saga string) error {
	if t.results[saga] != nil || t.address(saga) == "" {
		return nil
	}
	sub, err := t.Conn.SubscribeSync(t.address(saga))
	if err == nil {
		err = t.Conn.Flush()
	}
	if err != nil {
		return fmt.Errorf("listening for a result: %w", err)
	}
	if t.results == nil {
		t.results = make(map[string]*results)
	}
	t.results[saga] = &results{sub: sub}
	return nil
}

// awaitResult returns the result of an action, and says that it is taken.
func (t *trial) awaitResult(saga string) ([]byte, error) {
	m, err := t.nextResult(saga)
	if err != nil {
		return nil, err
	}
	return m.Data, t.take(saga, m)
}

// nextResult waits for one delivery of a result, and does not answer it.
func (t *trial) nextResult(saga string) (*nats.Msg, error) {
	begin := time.Now()
	m, err := t.results[saga].sub.NextMsg(time.Duration(t.Profile.Callback.Patience))
	e := Exchange{Subject: t.address(saga), Sent: "(waiting for the result)", TookMS: float64(time.Since(begin).Microseconds()) / 1000}
	if err != nil {
		e.Error = fmt.Sprintf("no result in %s", time.Duration(t.Profile.Callback.Patience))
		err = errors.New(e.Error)
	} else {
		e.Got = brief(m.Data)
	}
	t.exchanges = append(t.exchanges, e)
	return m, err
}

// take answers a result as the orchestrator does.
func (t *trial) take(saga string, m *nats.Msg) error {
	body, err := json.Marshal(protocol.CallbackAccepted{
		Type: protocol.TypeCallbackAccepted, SagaID: saga, Step: t.Profile.Step, Effect: protocol.CallbackTaken,
	})
	if err == nil {
		err = m.Respond(body)
	}
	if err != nil {
		return fmt.Errorf("answering a result: %w", err)
	}
	return nil
}

// slow is the sample whose result does not come at once.
func (t *trial) slow() (fields, error) {
	if t.Profile.Callback == nil {
		return nil, skip("results of this service come at once")
	}
	if t.Profile.Callback.Slow == nil {
		return nil, skip("the profile has no sample whose result takes its time (callback.slow)")
	}
	return t.Profile.Callback.Slow, nil
}

// send sends an action whose result is awaited, and returns the answer itself.
func (t *trial) send(saga string, changes ...fields) ([]byte, error) {
	if err := t.expectResult(saga); err != nil {
		return nil, err
	}
	if t.sagas[saga] == nil {
		t.sagas[saga] = &standing{}
	}
	header := t.headers(saga, false, 1)
	header.Set(protocol.HeaderCallback, t.address(saga))
	return t.ask(t.Profile.Action.Subject, encode(t.actionBody(saga, changes...)), header)
}

// pendingIsRemembered is C25: a pending action is one action, and its result is its answer from then on.
func pendingIsRemembered(t *trial) error {
	slow, err := t.slow()
	if err != nil {
		return err
	}
	saga := t.saga()
	first, err := t.send(saga, slow)
	if err != nil {
		return err
	}
	if err := want(first, pending); err != nil {
		return err
	}
	second, err := t.send(saga, slow)
	if err != nil {
		return err
	}
	if !bytes.Equal(first, second) {
		return fmt.Errorf("the second attempt of a pending action is answered otherwise than the first: %s", brief(second))
	}
	result, err := t.awaitResult(saga)
	if err != nil {
		return err
	}
	t.noteResult(saga, result)
	third, err := t.send(saga, slow)
	if err == nil && !bytes.Equal(result, third) {
		err = fmt.Errorf("an attempt after the result is answered otherwise: %s", brief(third))
	}
	return err
}

func (t *trial) noteResult(saga string, result []byte) {
	if verdictOf(result) == accepted {
		t.sagas[saga].accepted = true
	}
}

// resultIsSentAgain is C26: a result is sent again until somebody has it.
func resultIsSentAgain(t *trial) error {
	if t.Profile.Callback == nil {
		return skip("results of this service come at once")
	}
	if err := t.alone(); err != nil {
		return err
	}
	saga := t.saga()
	answer, err := t.send(saga)
	if err != nil {
		return err
	}
	if verdictOf(answer) != pending {
		return skip("the sample was answered at once")
	}
	first, err := t.nextResult(saga)
	if err != nil {
		return err
	}
	t.noteResult(saga, first.Data)
	second, err := t.nextResult(saga)
	if err != nil {
		return fmt.Errorf("a result that nobody answered was not sent again: %w", err)
	}
	if !bytes.Equal(first.Data, second.Data) {
		return fmt.Errorf("the result is another one when it is sent again: %s", brief(second.Data))
	}
	if err := t.take(saga, second); err != nil {
		return err
	}
	return t.fits(t.Profile.Action.Type, saga, first.Data)
}

// alone skips a clause if somebody else answers results here.
func (t *trial) alone() error {
	reply, err := t.once(t.address(t.saga()), []byte("{}"), nil)
	if errors.Is(err, nats.ErrNoResponders) {
		return nil
	}
	return skip("an orchestrator takes results here (%s): run it on a NATS without one", brief(reply))
}

// compensatedWhilePending is C27: what was compensated while it was pending never takes effect.
func compensatedWhilePending(t *trial) error {
	slow, err := t.slow()
	if err != nil {
		return err
	}
	saga := t.saga()
	first, err := t.send(saga, slow)
	if err != nil {
		return err
	}
	if err := want(first, pending); err != nil {
		return err
	}
	undone, err := t.undo(saga, nil)
	if err != nil {
		return err
	}
	if err := want(undone, accepted); err != nil {
		return err
	}
	after, err := t.send(saga, slow)
	if err != nil {
		return err
	}
	if err := isCompensated(after); err != nil {
		return err
	}
	if result, err := t.nextResult(saga); err == nil && verdictOf(result.Data) == accepted {
		t.sagas[saga].lost = true
		return fmt.Errorf("it has taken effect all the same: %s", brief(result.Data))
	}
	return nil
}

// reversalIsAccepted is C28: a reversal is accepted, once for all.
func reversalIsAccepted(t *trial) error {
	if t.Profile.Callback == nil {
		return skip("results of this service come at once, so nothing is reversed")
	}
	saga := t.saga()
	done, err := t.do(saga)
	if err != nil {
		return err
	}
	if err := want(done, accepted); err != nil {
		return err
	}
	undone, err := t.undo(saga, nil)
	if err != nil {
		return err
	}
	if err := want(undone, accepted); err != nil {
		return err
	}
	before := t.observe(saga)
	first, err := t.reverse(saga, done)
	if err != nil {
		return err
	}
	if err := want(first, accepted); err != nil {
		return err
	}
	second, err := t.reverse(saga, done)
	if err != nil {
		return err
	}
	if !bytes.Equal(first, second) {
		return differs(first, second)
	}
	return t.unchanged(saga, before)
}

func (t *trial) reverse(saga string, done []byte) ([]byte, error) {
	body := t.undoBody(saga, done)
	body["reversal"] = true
	header := t.headers(saga, true, 1)
	if id, err := protocol.ParseSagaID(saga); err == nil {
		header.Set(protocol.HeaderKey, protocol.ReversalKey(id, t.Profile.Step))
	}
	return t.ask(t.Profile.Compensation.Subject, encode(body), header)
}

// foreignCallbacksAreRefused is C29: only the address of the step itself is taken.
func foreignCallbacksAreRefused(t *trial) error {
	if t.Profile.Callback == nil || t.Profile.Callback.Field == "" {
		return skip("the commands of this service hold no address")
	}
	saga := t.saga()
	step := strconv.Itoa(t.Profile.Step)
	for _, address := range []string{
		"checkout_callback", t.Profile.Action.Subject, t.address(t.saga()), t.address(saga) + ".more",
		protocol.SubjectCallbacks, protocol.BucketSubject(protocol.BucketSagas, saga), "x." + t.address(saga), step,
	} {
		if err := t.refusesAction(saga, fields{t.Profile.Callback.Field: address}, protocol.CodeInvalidField, t.Profile.Callback.Field); err != nil {
			return err
		}
	}
	return nil
}

// queriesAreAnswered is C30: a question changes nothing.
func queriesAreAnswered(t *trial) error {
	if t.Profile.Query == "" {
		return skip("the profile names no subject for queries (query)")
	}
	saga := t.saga()
	if _, err := t.outcome(saga); errors.Is(err, nats.ErrNoResponders) {
		return skip("nobody listens on %s", t.Profile.Query)
	}
	if err := t.tells(saga, protocol.OutcomeNone, nil); err != nil {
		return err
	}
	done, err := t.do(saga)
	if err != nil {
		return err
	}
	if err := want(done, accepted); err != nil {
		return err
	}
	if err := t.tells(saga, protocol.OutcomeKnown, done); err != nil {
		return err
	}
	if t.Profile.Action.Decline != nil {
		saga = t.saga()
		if done, err = t.do(saga, t.Profile.Action.Decline); err != nil {
			return err
		}
		if err := t.tells(saga, protocol.OutcomeKnown, done); err != nil {
			return err
		}
	}
	slow, err := t.slow()
	if err != nil {
		return nil // nothing of this service is pending for long
	}
	saga = t.saga()
	if _, err := t.send(saga, slow); err != nil {
		return err
	}
	return t.tells(saga, protocol.OutcomePending, nil)
}

// tells holds what a query is answered against what it should be.
func (t *trial) tells(saga, outcome string, reply []byte) error {
	body, err := t.outcome(saga)
	if err != nil {
		return err
	}
	if err := t.fits(protocol.TypeQueryStep, saga, body); err != nil {
		return err
	}
	var got protocol.QueryStepOK
	if err := json.Unmarshal(body, &got); err != nil {
		return fmt.Errorf("the answer to the query is no QueryStep_ok: %w", err)
	}
	if got.Outcome != outcome {
		return fmt.Errorf("the outcome is %q, want %q", got.Outcome, outcome)
	}
	if !bytes.Equal(compact(got.Reply), compact(reply)) {
		return fmt.Errorf("the reply is %s, want %s", brief(got.Reply), brief(reply))
	}
	return nil
}

func (t *trial) outcome(saga string) ([]byte, error) {
	return t.ask(t.Profile.Query, encode(t.command(protocol.TypeQueryStep, saga)), nil)
}

// compact is JSON without white space; nothing for no JSON.
func compact(text []byte) []byte {
	var out bytes.Buffer
	if json.Compact(&out, text) != nil {
		return nil
	}
	return out.Bytes()
}
