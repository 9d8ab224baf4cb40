package chaos_test

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"time"
)

// logbook keeps the log of a process, over all of its lives, and wakes whoever
// waits for a line.
type logbook struct {
	mu    sync.Mutex
	rest  []byte // of a line that is not complete yet
	lines []string
	grown chan struct{} // closed when there are more lines; nil while nobody waits
}

// Write takes in what the process writes.
func (l *logbook) Write(data []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rest = append(l.rest, data...)
	for {
		line, rest, whole := bytes.Cut(l.rest, []byte("\n"))
		if !whole {
			return len(data), nil
		}
		l.lines, l.rest = append(l.lines, string(line)), bytes.Clone(rest)
		if l.grown != nil {
			close(l.grown)
			l.grown = nil
		}
	}
}

// mark is a place in the log: the lines after it are still to come.
func (l *logbook) mark() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.lines)
}

// after returns the lines after a mark that hold a text, and what to wait for if
// those are not enough.
func (l *logbook) after(mark int, text string) (found []string, grown <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.lines[mark:] {
		if strings.Contains(line, text) {
			found = append(found, line)
		}
	}
	if l.grown == nil {
		l.grown = make(chan struct{})
	}
	return found, l.grown
}

// count counts the lines after a mark that hold a text.
func (l *logbook) count(mark int, text string) int {
	found, _ := l.after(mark, text)
	return len(found)
}

// wait returns when a line after a mark holds a text. It gives up when the time
// is over, or when over is closed.
func (l *logbook) wait(mark int, text string, within time.Duration, over <-chan struct{}) error {
	late := time.NewTimer(within)
	defer late.Stop()
	for {
		found, grown := l.after(mark, text)
		if len(found) > 0 {
			return nil
		}
		select {
		case <-grown:
		case <-over:
			return fmt.Errorf("the process ended without logging %q", text)
		case <-late.C:
			return fmt.Errorf("no %q in the log within %v", text, within)
		}
	}
}

// chatter is what a log under chaos is full of.
var chatter = []string{"taking a saga over", "reading back", "connected to NATS again", "lost NATS; reconnecting"}

// tail is the last lines of the log, without the chatter.
func (l *logbook) tail(most int) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var kept []string
	for n := len(l.lines) - 1; n >= 0 && len(kept) < most; n-- {
		if !holdsAny(l.lines[n], chatter) {
			kept = append([]string{l.lines[n]}, kept...)
		}
	}
	return strings.Join(kept, "\n")
}

func holdsAny(line string, texts []string) bool {
	for _, text := range texts {
		if strings.Contains(line, text) {
			return true
		}
	}
	return false
}
