package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"amends/saga"
)

// transition is what checkout.events.<saga_id> carries.
type transition struct {
	SagaID string     `json:"saga_id"`
	Phase  string     `json:"phase"`
	Event  saga.Event `json:"event"`
}

func parseTransition(data []byte) (*transition, error) {
	var t transition
	if err := json.Unmarshal(data, &t); err != nil {
		return nil, fmt.Errorf("decoding a transition: %w", err)
	}
	return &t, nil
}

// line tells a transition of any saga in one line.
func (t *transition) line() string {
	return fmt.Sprintf("%-22s  %-12s  %s", t.SagaID, t.Phase, t.story())
}

// story tells what happened.
func (t *transition) story() string {
	e := &t.Event
	parts := []string{fmt.Sprintf("%-20s", e.Type)}
	if e.Step > 0 {
		parts = append(parts, fmt.Sprintf("step %d", e.Step))
	}
	if e.Attempt > 1 {
		parts = append(parts, fmt.Sprintf("attempt %d", e.Attempt))
	}
	for _, text := range []string{e.Code, e.DeclineCode, e.Message} {
		if text != "" {
			parts = append(parts, text)
		}
	}
	parts = append(parts, fields(e.Fields)...)
	return strings.TrimRight(strings.Join(parts, "  "), " ")
}

// fields lists kept fields by name; texts lose their quotes.
func fields(kept map[string]json.RawMessage) []string {
	var out []string
	for name, value := range kept {
		out = append(out, name+"="+strings.Trim(string(value), `"`))
	}
	slices.Sort(out)
	return out
}
