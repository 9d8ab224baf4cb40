package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"amends/faults"
	"amends/protocol"

	"github.com/nats-io/nats.go"
)

// chaosCount is how often a rule has struck.
type chaosCount struct {
	Rule  string      `json:"rule"`
	Fault faults.Kind `json:"fault"`
	Count int         `json:"count"`
}

// injectedWatch counts the faults that processes tell: that way those of a process
// are known that died of one.
type injectedWatch struct {
	sub    *nats.Subscription
	closed chan struct{}

	mu  sync.Mutex
	all map[string]int // by rule
}

func watchInjected(nc *nats.Conn) (*injectedWatch, error) {
	w := &injectedWatch{closed: make(chan struct{}), all: make(map[string]int)}
	var err error
	if w.sub, err = nc.Subscribe(protocol.SubjectAllInjected, w.see); err == nil {
		w.sub.SetClosedHandler(func(string) { close(w.closed) })
		err = w.sub.SetPendingLimits(-1, -1)
	}
	if err == nil {
		err = nc.Flush() // before it, the server may not know yet that anybody listens
	}
	if err != nil {
		return nil, fmt.Errorf("watching faults: %w", err)
	}
	return w, nil
}

func (w *injectedWatch) see(m *nats.Msg) {
	var i faults.Injection
	if json.Unmarshal(m.Data, &i) != nil {
		return // not one of ours
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all[i.Rule]++
}

// drainTimeout bounds the wait for the last faults that were told.
const drainTimeout = 10 * time.Second

// counts ends the watch, and tells how often each rule of a plan has struck.
func (w *injectedWatch) counts(plan *faults.Plan) ([]chaosCount, error) {
	if err := w.sub.Drain(); err != nil {
		return nil, fmt.Errorf("watching faults: %w", err)
	}
	select {
	case <-w.closed:
	case <-time.After(drainTimeout):
		return nil, errors.New("watching faults: NATS does not deliver the last of them")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	counts := make([]chaosCount, len(plan.Rules))
	for n, rule := range plan.Rules {
		counts[n] = chaosCount{Rule: rule.Name, Fault: rule.Fault, Count: w.all[rule.Name]}
	}
	return counts, nil
}
