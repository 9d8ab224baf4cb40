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

// expect remembers a client whose request is on its way into the inbox.
func (w *waiters) expect(reply string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.until[reply] = nil
}

// start begins the wait of a client, whose request is in the inbox now: late is
// called after it, unless the client has its answer before.
func (w *waiters) start(reply string, wait time.Duration, late func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, expected := w.until[reply]; !expected {
		return
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
	}
	delete(w.until, reply)
}
