package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"amends/protocol"
	"amends/saga"
)

// transition is what checkout.events.<saga_id> carries.
type transition struct {
	SagaID  string     `json:"saga_id"`
	Phase   string     `json:"phase"`
	Command string     `json:"command"` // that the event answers, if it answers one
	Event   saga.Event `json:"event"`
}

func parseTransition(data []byte) (*transition, error) {
	var t transition
	if err := json.Unmarshal(data, &t); err != nil {
		return nil, fmt.Errorf("decoding a transition: %w", err)
	}
	return &t, nil
}

// words say what an event means for its command.
var words = map[saga.EventType]string{
	saga.Started:                 "started",
	saga.StepAccepted:            "accepted",
	saga.StepDeclined:            "declined",
	saga.StepUnavailable:         "unavailable",
	saga.StepTimedOut:            "no answer",
	saga.StepTaken:               "taken in",
	saga.StepNotFound:            "never heard of",
	saga.StepNotTold:             "not told",
	saga.CompensationDone:        "done",
	saga.CompensationRefused:     "refused",
	saga.CompensationUnavailable: "unavailable",
	saga.CompensationTimedOut:    "no answer",
	saga.WorkerAbsent:            "nobody listens",
	saga.DeadlinePassed:          "deadline passed",
	saga.Quarantined:             "quarantined",
	saga.CancelRequested:         "cancelled",
	saga.KillRequested:           "killed",
	saga.RetryRequested:          "retried",
	saga.StepResolved:            "resolved",
	saga.Migrated:                "migrated",
}

// line tells a transition of any saga in one line.
func (t *transition) line() string {
	return fmt.Sprintf("%-22s  %-12s  %s", t.SagaID, t.status(), t.story())
}

// status is the phase in the word that a status has for it.
func (t *transition) status() string {
	if t.Phase == string(saga.Running) {
		return protocol.StatusPending
	}
	return t.Phase
}

// story tells what happened.
func (t *transition) story() string {
	e := &t.Event
	subject := t.Command
	if subject == "" {
		subject = "saga"
	}
	parts := []string{fmt.Sprintf("%-19s %-12s", subject, words[e.Type])}
	if e.Attempt > 1 {
		parts = append(parts, fmt.Sprintf("attempt %d", e.Attempt))
	}
	for _, text := range []string{e.Code, e.DeclineCode, e.Message, string(e.As)} {
		if text != "" {
			parts = append(parts, text)
		}
	}
	for _, note := range [][2]string{{"request", e.RequestID}, {"by", e.By}, {"reason:", e.Reason}, {"evidence:", e.Evidence}} {
		if note[1] != "" {
			parts = append(parts, note[0]+" "+note[1])
		}
	}
	parts = append(parts, fields(e.Fields)...)
	return strings.TrimRight(strings.Join(parts, "  "), " ")
}

// fields lists kept fields by name; texts lose their quotes, lists are counted.
func fields(kept map[string]json.RawMessage) []string {
	var out []string
	for name, value := range kept {
		var list []json.RawMessage
		if json.Unmarshal(value, &list) == nil {
			out = append(out, fmt.Sprintf("%d %s", len(list), name))
			continue
		}
		out = append(out, name+" "+strings.Trim(string(value), `"`))
	}
	slices.Sort(out)
	return out
}
