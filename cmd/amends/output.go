package main

import (
	"os"
	"sync"
)

// stdout is where a command prints what it was asked for. It stands in one place
// so that no printing has to look whether it went well: report does, once, at the
// end.
var stdout = &output{to: os.Stdout}

// output is a writer that remembers the first write that failed. Commands may
// print from several goroutines.
type output struct {
	to *os.File

	mu   sync.Mutex
	lost error
}

// Write writes, unless something is lost already: what comes after a gap would
// only mislead.
func (o *output) Write(text []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.lost != nil {
		return 0, o.lost
	}
	n, err := o.to.Write(text)
	o.lost = err
	return n, err
}

// err is the first write that failed.
func (o *output) err() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.lost
}
