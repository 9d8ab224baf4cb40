package orchestrator

import (
	"sync"
	"time"
)

// waiters remembers the clients of this process that wait for the end of a saga,
// to tell them in time that it is still running.
type waiters struct {
	mu    sync.Mutex
	until map[waiter]*time.Timer

	telling sync.WaitGroup
}

// waiter is a client by its reply subject, and what it waits for.
type waiter struct{ sagaID, reply string }

func newWaiters() *waiters { return &waiters{until: make(map[waiter]*time.Timer)} }

// expect remembers a client whose request is on its way into the inbox.
func (w *waiters) expect(who waiter) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.until[who] = nil
}

// start begins the wait of a client, whose request is in the inbox now: late is
// called after it, unless the client has its answer before.
func (w *waiters) start(who waiter, wait time.Duration, late func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, expected := w.until[who]; !expected {
		return
	}
	var timer *time.Timer
	timer = time.AfterFunc(wait, func() {
		w.mu.Lock()
		mine := w.until[who] == timer
		if mine {
			delete(w.until, who)
			w.telling.Add(1)
		}
		w.mu.Unlock()
		if mine {
			late()
			w.telling.Done()
		}
	})
	w.until[who] = timer
}

// done says that the client has its answer.
func (w *waiters) done(who waiter) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if timer := w.until[who]; timer != nil {
		timer.Stop()
	}
	delete(w.until, who)
}

// leave forgets all clients: this process tells them nothing any more. Who ends
// their sagas answers them.
func (w *waiters) leave() {
	w.mu.Lock()
	for _, timer := range w.until {
		if timer != nil {
			timer.Stop()
		}
	}
	clear(w.until)
	w.mu.Unlock()
	w.telling.Wait()
}
