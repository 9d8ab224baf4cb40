// Package crew keeps goroutines for short pieces of work. A goroutine started
// for each piece has to grow its stack anew every time: that was a twelfth of
// all time spent on a checkout.
package crew

// Crew is a number of goroutines that wait for work.
type Crew struct {
	work chan func()
	quit chan struct{}
}

// New starts a crew of that size.
func New(size int) *Crew {
	c := &Crew{work: make(chan func()), quit: make(chan struct{})}
	for range size {
		go c.serve()
	}
	return c
}

func (c *Crew) serve() {
	for {
		select {
		case run := <-c.work:
			run()
		case <-c.quit:
			return
		}
	}
}

// Do runs a piece of work on an idle goroutine of the crew, or on a new one if
// all are busy. It does not wait, and never refuses.
func (c *Crew) Do(run func()) {
	select {
	case c.work <- run:
	default:
		go run()
	}
}

// Stop lets the crew go when it has finished what it is at. Work that is given
// to it afterwards runs all the same.
func (c *Crew) Stop() { close(c.quit) }
