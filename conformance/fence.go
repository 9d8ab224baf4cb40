package conformance

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"amends/protocol"

	"github.com/nats-io/nats.go"
)

// acceptanceIsRemembered is C13.
func acceptanceIsRemembered(t *trial) error {
	saga := t.saga()
	first, err := t.do(saga)
	if err != nil {
		return err
	}
	if err := want(first, accepted); err != nil {
		return err
	}
	before := t.observe(saga)
	if err := t.asBefore(saga, first); err != nil {
		return err
	}
	if err := t.unchanged(saga, before); err != nil {
		return err
	}
	if _, err := t.undo(saga, first); err != nil {
		return err
	}
	if err := t.asBefore(saga, first); err != nil {
		return fmt.Errorf("after its compensation: %w", err)
	}
	return nil
}

// refusalIsRemembered is C14.
func refusalIsRemembered(t *trial) error {
	if t.Profile.Action.Decline == nil {
		return skip("the profile has no sample that is declined (action.decline)")
	}
	_, err := t.twice(t.saga(), declined, t.Profile.Action.Decline)
	return err
}

// tombstoneHolds is C15.
func tombstoneHolds(t *trial) error {
	saga := t.saga()
	if _, err := t.undo(saga, nil); err != nil {
		return err
	}
	t.sagas[saga] = &standing{undone: true}
	first, err := t.do(saga)
	if err != nil {
		return err
	}
	if err := isCompensated(first); err != nil {
		return err
	}
	return t.asBefore(saga, first)
}

// nothingToUndoIsFine is C16.
func nothingToUndoIsFine(t *trial) error {
	reply, err := t.undo(t.saga(), nil)
	if err != nil {
		return err
	}
	return want(reply, accepted)
}

// compensationIsRemembered is C17.
func compensationIsRemembered(t *trial) error {
	saga := t.saga()
	done, err := t.do(saga)
	if err != nil {
		return err
	}
	first, err := t.undo(saga, done)
	if err != nil {
		return err
	}
	if err := want(first, accepted); err != nil {
		return err
	}
	before := t.observe(saga)
	second, err := t.undo(saga, done)
	if err != nil {
		return err
	}
	if !bytes.Equal(first, second) {
		return differs(first, second)
	}
	return t.unchanged(saga, before)
}

// otherContentIsRefused is C18.
func otherContentIsRefused(t *trial) error {
	saga := t.saga()
	done, err := t.do(saga)
	if err != nil {
		return err
	}
	if err := want(done, accepted); err != nil {
		return err
	}
	before := t.observe(saga)
	other, err := t.doAttempt(saga, 2, t.Profile.Action.Differ)
	if err != nil {
		return err
	}
	if err := isConflict(other); err != nil {
		return err
	}
	if err := t.unchanged(saga, before); err != nil {
		return err
	}
	again, err := t.verdictOn(saga, rearranged(t.actionBody(saga)), t.headers(saga, false, 2))
	if err != nil {
		return err
	}
	if err := want(again, accepted); err != nil {
		return fmt.Errorf("the same fields in another order, with white space, are the same content: %w", err)
	}
	return nil
}

func isConflict(reply []byte) error {
	got := read(reply)
	if v := verdictOf(reply); v != refused && v != trouble || got.Error+got.Code != string(protocol.CodeIdempotencyConflict) {
		return fmt.Errorf("other content should be refused with %s, but is answered %s", protocol.CodeIdempotencyConflict, brief(reply))
	}
	return nil
}

// rearranged writes the fields of a body in the other order, and with white space.
func rearranged(body fields) []byte {
	text := "\n}"
	for name, value := range ordered(body) {
		text = fmt.Sprintf(",\n\t%q : %s", name, value) + text
	}
	return []byte("{" + strings.TrimPrefix(text, ","))
}

// ordered yields fields by name.
func ordered(body fields) func(yield func(string, json.RawMessage) bool) {
	return func(yield func(string, json.RawMessage) bool) {
		in := json.NewDecoder(bytes.NewReader(encode(body)))
		_, _ = in.Token() // the brace
		for in.More() {
			name, _ := in.Token()
			var value json.RawMessage
			if err := in.Decode(&value); err != nil {
				panic(err) // it was encoded just now
			}
			if !yield(name.(string), value) {
				return
			}
		}
	}
}

// restartForgetsNothing is C19.
func restartForgetsNothing(t *trial) error {
	if t.Restart == nil {
		return skip("nobody said how to kill and restart the worker (--restart)")
	}
	kept, undone, buried := t.saga(), t.saga(), t.saga()
	first, err := t.do(kept)
	if err != nil {
		return err
	}
	second, err := t.do(undone)
	if err != nil {
		return err
	}
	reply, err := t.undo(undone, second)
	if err != nil {
		return err
	}
	if _, err := t.undo(buried, nil); err != nil {
		return err
	}
	t.sagas[buried] = &standing{undone: true}
	if err := t.restart(); err != nil {
		return err
	}
	if err := t.asBefore(kept, first); err != nil {
		return err
	}
	if err := t.asBefore(undone, second); err != nil {
		return err
	}
	if again, err := t.undo(undone, second); err != nil {
		return err
	} else if !bytes.Equal(again, reply) {
		return differs(reply, again)
	}
	late, err := t.do(buried)
	if err != nil {
		return err
	}
	return isCompensated(late)
}

// restartPatience is how long a worker may take to come back.
const restartPatience = 30 * time.Second

// restart kills the worker and waits until it answers again.
func (t *trial) restart() error {
	if err := t.Restart(t.ctx); err != nil {
		return fmt.Errorf("restarting the worker: %w", err)
	}
	for late := time.Now().Add(restartPatience); ; {
		_, err := t.undo(t.saga(), nil)
		if err == nil || time.Now().After(late) {
			return err
		}
		if t.ctx.Err() != nil {
			return t.ctx.Err()
		}
		if errors.Is(err, nats.ErrNoResponders) {
			<-time.After(retryPause)
		}
	}
}

// crowd is how many attempts of a command are sent at once.
const crowd = 16

// manyAtOnceAreOne is C20.
func manyAtOnceAreOne(t *trial) error {
	saga := t.saga()
	if t.Profile.Callback != nil {
		return skip("attempts at once are answered _pending; see C25")
	}
	t.sagas[saga] = &standing{}
	inbox := t.Conn.NewInbox()
	answers, err := t.Conn.SubscribeSync(inbox)
	if err != nil {
		return fmt.Errorf("listening for answers: %w", err)
	}
	defer func() { _ = answers.Unsubscribe() }()
	body := encode(t.actionBody(saga))
	for range crowd {
		m := &nats.Msg{Subject: t.Profile.Action.Subject, Reply: inbox, Data: body, Header: t.headers(saga, false, 1)}
		if err := t.Conn.PublishMsg(m); err != nil {
			return fmt.Errorf("sending attempts at once: %w", err)
		}
	}
	if err := t.allTheSame(answers, body); err != nil {
		return err
	}
	t.note = fmt.Sprintf("%d attempts at once; C23 says how many replicas there are", crowd)
	return nil
}

// allTheSame holds that every attempt of a crowd has one and the same verdict. An
// attempt may be turned away while another one is in work.
func (t *trial) allTheSame(answers *nats.Subscription, body []byte) error {
	var first []byte
	for range crowd {
		m, err := answers.NextMsg(t.Timeout)
		e := Exchange{Subject: t.Profile.Action.Subject, Sent: brief(body)}
		if err != nil {
			e.Error = err.Error()
			t.exchanges = append(t.exchanges, e)
			return fmt.Errorf("not all of %d attempts at once are answered: %w", crowd, err)
		}
		e.Got = brief(m.Data)
		t.exchanges = append(t.exchanges, e)
		switch v := verdictOf(m.Data); {
		case v == trouble || isBusy(m.Data):
		case first == nil:
			first = m.Data
			if err := want(first, accepted); err != nil {
				return err
			}
		case !bytes.Equal(first, m.Data):
			return differs(first, m.Data)
		}
	}
	if first == nil {
		return errors.New("every one of the attempts was turned away")
	}
	return nil
}
