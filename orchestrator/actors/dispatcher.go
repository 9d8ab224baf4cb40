package actors

// crewSize is how many goroutines are kept for activations. An activation does
// not block, so a few per core are plenty.
const crewSize = 64

// crew runs the activations of mailboxes on goroutines that stay. The library's
// own dispatcher starts one for each activation, whose stack has to grow anew
// every time: that was a twelfth of all time spent.
type crew struct {
	work chan func()
	quit chan struct{}
}

func newCrew() *crew {
	c := &crew{work: make(chan func()), quit: make(chan struct{})}
	for range crewSize {
		go c.serve()
	}
	return c
}

func (c *crew) serve() {
	for {
		select {
		case run := <-c.work:
			run()
		case <-c.quit:
			return
		}
	}
}

// Schedule runs an activation on an idle goroutine of the crew, or on a new one
// if all are busy.
func (c *crew) Schedule(run func()) {
	select {
	case c.work <- run:
	default:
		go run()
	}
}

// Throughput is how many messages one activation handles at the most before
// others have their turn.
func (c *crew) Throughput() int { return 300 }

func (c *crew) stop() { close(c.quit) }
