package conformance

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"amends/protocol"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
)

// quiet is how long nothing may come before it is taken that nothing will: a tenth
// of what an answer may take.
func (t *trial) quiet() time.Duration { return t.Timeout / 10 }

// answersInItsGroup is C1.
func answersInItsGroup(t *trial) error {
	saga := t.saga()
	reply, err := t.undo(saga, nil)
	if err != nil {
		return err
	}
	if verdictOf(reply) == none {
		return fmt.Errorf("the answer is none: %s", brief(reply))
	}
	t.sagas[saga] = &standing{undone: true}
	// After its compensation an action does nothing, whoever gets it.
	if _, err := t.do(saga); err != nil {
		return err
	}
	if err := t.sharesGroup(t.Profile.Action.Subject, encode(t.actionBody(saga))); err != nil {
		return err
	}
	return t.sharesGroup(t.Profile.Compensation.Subject, encode(t.undoBody(saga, nil)))
}

// probes is how many messages are shared out to find out who gets them.
const probes = 4

// sharesGroup joins the queue group of the service for a moment. In one group each
// message has one receiver: the worker or this run, never both. What is not of this
// run is passed on.
func (t *trial) sharesGroup(subject string, body []byte) error {
	inbox := t.Conn.NewInbox() + "."
	answers, err := t.Conn.SubscribeSync(inbox + "*")
	if err != nil {
		return fmt.Errorf("listening for answers: %w", err)
	}
	defer func() { _ = answers.Unsubscribe() }()
	taken := make(chan string, 1024)
	member, err := t.Conn.QueueSubscribe(subject, t.Profile.Service, func(m *nats.Msg) {
		if strings.HasPrefix(m.Reply, inbox) {
			taken <- m.Reply
			return
		}
		_ = t.Conn.PublishMsg(&nats.Msg{Subject: m.Subject, Reply: m.Reply, Header: m.Header, Data: m.Data})
	})
	if err == nil {
		err = t.Conn.Flush()
	}
	if err != nil {
		return fmt.Errorf("joining queue group %s: %w", t.Profile.Service, err)
	}
	defer func() { _ = member.Unsubscribe() }()
	for n := range probes {
		if err := t.Conn.PublishRequest(subject, fmt.Sprint(inbox, n), body); err != nil {
			return fmt.Errorf("sending a probe: %w", err)
		}
	}
	return t.countReceivers(subject, answers, taken)
}

// countReceivers holds that each probe had one receiver.
func (t *trial) countReceivers(subject string, answers *nats.Subscription, taken <-chan string) error {
	receivers := make(map[string]int)
	for late := time.Now().Add(t.Timeout); ; {
		m, err := answers.NextMsg(t.quiet())
		if err == nil {
			receivers[m.Subject]++
			t.exchanges = append(t.exchanges, Exchange{Subject: subject, Sent: "(a probe)", Got: brief(m.Data)})
		}
		for len(taken) > 0 {
			receivers[<-taken]++
		}
		for _, n := range receivers {
			if n > 1 {
				return fmt.Errorf("on %s one message went to %d receivers: the worker is not in the queue group %s", subject, n, t.Profile.Service)
			}
		}
		if err != nil && (len(receivers) == probes || time.Now().After(late)) {
			return nil
		}
	}
}

// fits holds that a reply is one by the letter.
func (t *trial) fits(kind, saga string, reply []byte) error {
	id, err := protocol.ParseSagaID(saga)
	if err != nil {
		return err
	}
	if _, err := protocol.ParseReply(kind, id, t.Profile.Step, reply); err != nil {
		return fmt.Errorf("%s is no reply to %s: %w", brief(reply), kind, err)
	}
	return nil
}

// repliesEcho is C10.
func repliesEcho(t *trial) error {
	saga := t.saga()
	done, err := t.do(saga)
	if err != nil {
		return err
	}
	if err := t.fits(t.Profile.Action.Type, saga, done); err != nil {
		return err
	}
	undone, err := t.undo(saga, done)
	if err != nil {
		return err
	}
	if err := t.fits(t.Profile.Compensation.Type, saga, undone); err != nil {
		return err
	}
	if t.Profile.Action.Decline == nil {
		return nil
	}
	saga = t.saga()
	no, err := t.do(saga, t.Profile.Action.Decline)
	if err != nil {
		return err
	}
	if read(no).Error == "" {
		return nil // that it says why is C12
	}
	return t.fits(t.Profile.Action.Type, saga, no)
}

// acceptanceNamesIDs is C11.
func acceptanceNamesIDs(t *trial) error {
	if len(t.Profile.Action.IDs) == 0 && t.Profile.Action.PerLine == "" {
		return skip("the profile names no ids of an accepted reply (action.ids)")
	}
	done, err := t.do(t.saga())
	if err != nil {
		return err
	}
	if err := want(done, accepted); err != nil {
		return err
	}
	var reply map[string]any
	if err := json.Unmarshal(done, &reply); err != nil {
		return fmt.Errorf("the reply is no JSON object: %w", err)
	}
	for _, name := range t.Profile.Action.IDs {
		if text, ok := reply[name].(string); !ok || text == "" || len(text) > protocol.MaxReferenceBytes {
			return fmt.Errorf("%s of the reply must be a text of 1 to %d bytes", name, protocol.MaxReferenceBytes)
		}
	}
	return t.namesEachLine(reply)
}

// namesEachLine holds that there is one entry per sku.
func (t *trial) namesEachLine(reply map[string]any) error {
	name := t.Profile.Action.PerLine
	if name == "" {
		return nil
	}
	lines, _ := t.Profile.Action.Accept[t.Profile.Action.Lines].([]any)
	entries, _ := reply[name].([]any)
	asked, named := skusOf(lines), skusOf(entries)
	if len(named) == 0 || !slices.Equal(asked, named) {
		return fmt.Errorf("%s of the reply names %v, want one entry for each of %v", name, named, asked)
	}
	return nil
}

func skusOf(list []any) (skus []string) {
	for _, entry := range list {
		line, _ := entry.(map[string]any)
		sku, _ := line["sku"].(string)
		skus = append(skus, sku)
	}
	slices.Sort(skus)
	return skus
}

var word = regexp.MustCompile(`^[a-z0-9]+(_[a-z0-9]+)*$`)

// refusalsSayWhy is C12.
func refusalsSayWhy(t *trial) error {
	decline, fault := t.Profile.Action.Decline, t.Profile.Action.Trouble
	if decline == nil && fault == nil {
		return skip("the profile has no sample that is declined, and none that brings about a fault (action.decline, action.trouble)")
	}
	if decline != nil {
		no, err := t.do(t.saga(), decline)
		if err != nil {
			return err
		}
		if err := want(no, declined); err != nil {
			return err
		}
		if !word.MatchString(read(no).Error) {
			return fmt.Errorf("error of a refusal must be a lower_snake word, not %q", read(no).Error)
		}
	}
	if fault == nil {
		return nil
	}
	saga := t.saga()
	t.sagas[saga] = &standing{}
	reply, err := t.once(t.Profile.Action.Subject, encode(t.actionBody(saga, fault)), t.headers(saga, false, 1))
	if err != nil {
		return err
	}
	if err := want(reply, trouble); err != nil {
		return err
	}
	if s := read(reply); s.Error == "" || s.Retryable == nil {
		return errors.New("a technical fault must carry error and retryable")
	}
	return nil
}

// headersAreNotNeeded is C21.
func headersAreNotNeeded(t *trial) error {
	saga := t.saga()
	done, err := t.verdictOn(saga, encode(t.actionBody(saga)), nats.Header{})
	if err != nil {
		return err
	}
	if err := want(done, accepted); err != nil {
		return err
	}
	undone, err := t.ask(t.Profile.Compensation.Subject, encode(t.undoBody(saga, done)), nil)
	if err != nil {
		return err
	}
	if verdictOf(undone) == accepted {
		t.sagas[saga].undone = true
	}
	return want(undone, accepted)
}

// headersAreEchoed is C22.
func headersAreEchoed(t *trial) error {
	saga := t.saga()
	sent := t.headers(saga, true, 7)
	m, err := t.message(t.Profile.Compensation.Subject, encode(t.undoBody(saga, nil)), sent)
	if err != nil {
		return err
	}
	for _, name := range []string{protocol.HeaderKey, protocol.HeaderAttempt} {
		if got := m.Header.Get(name); got != sent.Get(name) {
			return fmt.Errorf("%s of the reply is %q, want %q", name, got, sent.Get(name))
		}
	}
	return nil
}

// isListed is C23.
func isListed(t *trial) error {
	replicas := t.replicas()
	if len(replicas) == 0 {
		return fmt.Errorf("nobody answers on $SRV.INFO.%s", t.Profile.Service)
	}
	for _, info := range replicas {
		var subjects []string
		for _, endpoint := range info.Endpoints {
			subjects = append(subjects, endpoint.Subject)
		}
		for _, subject := range []string{t.Profile.Action.Subject, t.Profile.Compensation.Subject} {
			if info.Name != t.Profile.Service || !slices.Contains(subjects, subject) {
				return fmt.Errorf("it is listed as %s with %v, without %s", info.Name, subjects, subject)
			}
		}
	}
	t.note = fmt.Sprintf("replicas that are there: %d", len(replicas))
	return nil
}

// replicas are the workers of the service that say that they are there.
func (t *trial) replicas() (all []micro.Info) {
	subject, err := micro.ControlSubject(micro.InfoVerb, t.Profile.Service, "")
	if err != nil {
		return nil
	}
	inbox := t.Conn.NewInbox()
	answers, err := t.Conn.SubscribeSync(inbox)
	if err != nil {
		return nil
	}
	defer func() { _ = answers.Unsubscribe() }()
	if err := t.Conn.PublishRequest(subject, inbox, nil); err != nil {
		return nil
	}
	for wait := t.Timeout; ; wait = t.quiet() {
		m, err := answers.NextMsg(wait)
		if err != nil || isNobody(m) {
			return all
		}
		e := Exchange{Subject: subject, Got: brief(m.Data)}
		t.exchanges = append(t.exchanges, e)
		var info micro.Info
		if json.Unmarshal(m.Data, &info) == nil {
			all = append(all, info)
		}
	}
}

// isNobody tells the server's own answer that nobody listens.
func isNobody(m *nats.Msg) bool { return len(m.Data) == 0 && m.Header.Get("Status") == "503" }

// aliasesAreTaken is C24.
func aliasesAreTaken(t *trial) error {
	if len(t.Profile.Compensation.Aliases) == 0 {
		return skip("the compensation of this service has one name")
	}
	for _, alias := range t.Profile.Compensation.Aliases {
		saga := t.saga()
		done, err := t.do(saga)
		if err != nil {
			return err
		}
		body := t.undoBody(saga, done)
		body["type"] = alias
		undone, err := t.undoWith(saga, body)
		if err != nil {
			return err
		}
		if err := want(undone, accepted); err != nil {
			return err
		}
		if got := read(undone).Type; got != alias+protocol.SuffixOK {
			return fmt.Errorf("%s is answered as %s", alias, got)
		}
	}
	return nil
}
