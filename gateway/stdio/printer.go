package stdio

import (
	"fmt"
	"io"
)

// queued bounds the lines that wait to be printed. Input is not read any more
// when there are many: whoever does not listen is not told more.
const queued = 4096

// printed is one line on its way out.
type printed struct {
	to   io.Writer
	text []byte
}

// printer writes lines, each with a write of its own, so that nothing waits in a
// buffer (S0-20).
type printer struct {
	lines  chan printed
	wrote  chan struct{} // there is room again
	failed chan error    // the reader has gone away
	done   chan struct{}
}

func newPrinter() *printer {
	p := &printer{
		lines: make(chan printed, queued), wrote: make(chan struct{}, 1), failed: make(chan error, 1), done: make(chan struct{}),
	}
	go p.run()
	return p
}

func (p *printer) run() {
	defer close(p.done)
	broken := false
	for l := range p.lines {
		if broken {
			continue
		}
		if _, err := l.to.Write(l.text); err != nil {
			broken = true
			p.failed <- fmt.Errorf("printing: %w", err)
		}
		select {
		case p.wrote <- struct{}{}:
		default:
		}
	}
}

func (p *printer) print(to io.Writer, text []byte) { p.lines <- printed{to, append(text, '\n')} }

// busy reports whether so much waits that no more should be begun.
func (p *printer) busy() bool { return len(p.lines) > queued/4 }

// finish prints what waits and ends the printer.
func (p *printer) finish() error {
	close(p.lines)
	<-p.done
	select {
	case err := <-p.failed:
		return err
	default:
		return nil
	}
}
