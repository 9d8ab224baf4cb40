package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"amends/saga"
)

// transition is what checkout.events.<saga_id> carries.
type transition struct {
	SagaID string     `json:"saga_id"`
	Phase  string     `json:"phase"`
	Event  saga.Event `json:"event"`
}

// line tells a transition in one line.
func (t *transition) line() string {
	e := &t.Event
	parts := []string{fmt.Sprintf("%-12s  %-12s  %-18s", t.SagaID, t.Phase, e.Type)}
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
	if len(e.Fields) > 0 {
		fields, err := json.Marshal(e.Fields)
		if err == nil {
			parts = append(parts, string(fields))
		}
	}
	return strings.Join(parts, "  ")
}
