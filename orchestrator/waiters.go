package orchestrator

import (
	"sync"
	"time"
)

// waiters remembers, by their reply subjects, the clients of this process that
// wait for the end of a saga, to tell them in time that it is still running.
type waiters struct {
	mu    sync.Mutex
	until map[string]*time.Timer
}

func newWaiters() *waiters { return &waiters{until: make(map[string]*time.Timer)} }

// add calls late after wait, unless done comes first.
func (w *waiters) add(reply string, wait time.Duration, late func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if old := w.until[reply]; old != nil {
		old.Stop()
	}
	var timer *time.Timer
	timer = time.AfterFunc(wait, func() {
		w.mu.Lock()
		mine := w.until[reply] == timer
		if mine {
			delete(w.until, reply)
		}
		w.mu.Unlock()
		if mine {
			late()
		}
	})
	w.until[reply] = timer
}

// done says that the client has its answer.
func (w *waiters) done(reply string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if timer := w.until[reply]; timer != nil {
		timer.Stop()
		delete(w.until, reply)
	}
}
