package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	"amends/protocol"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
)

const (
	// relayTimeout is how long the replica that writes has for a command of
	// another one. Then it is thought to be gone.
	relayTimeout = time.Second
	// maxRelays bounds how often a command is handed on before its replica
	// decides it itself: who writes may have changed meanwhile.
	maxRelays = 3
)

// Relay returns the endpoints for commands of a guarded book in such a form that
// one replica decides them all: whichever of them gets a command, it hands it on
// to the one that wrote last, if there is another, and gives back its answer. When
// that one does not answer, the replica decides itself, and from then on it is the
// one. So replicas take over from each other without an election, and a wrong
// belief about who writes costs time, but never goods: see parcel.
func (b *Book[E]) Relay(service string, endpoints ...Endpoint) []Endpoint {
	b.relays, b.service = true, service
	relayed := make([]Endpoint, 0, len(endpoints)+1)
	own := make(map[string]Endpoint, len(endpoints))
	for _, e := range endpoints {
		own[e.subject] = e
		relayed = append(relayed, b.handingOn(e))
	}
	return append(relayed, Endpoint{
		subject: protocol.SubjectReplica(service, b.view.chain.writer),
		read:    func(s *Service, c *call) (task, error) { return readRelayed(own, s, c) },
	})
}

// readRelayed reads a command that another replica has handed on.
func readRelayed(own map[string]Endpoint, s *Service, c *call) (task, error) {
	if s.stopping.Err() != nil {
		return task{}, errStopping
	}
	e, known := own[c.header.Get(protocol.HeaderRelayed)]
	if !known {
		// Somebody asks whether this replica is there.
		return task{run: func(context.Context) ([]byte, error) { return []byte("{}"), nil }}, nil
	}
	t, err := e.read(s, c)
	if err != nil {
		return task{}, err
	}
	run := t.run
	t.message = nil // what goes wrong with it on purpose has done so where it came in
	t.run = func(ctx context.Context) ([]byte, error) {
		body, err := run(ctx)
		if errors.Is(err, errStandby) {
			return nil, nil // an empty answer: it is not this replica that writes
		}
		return body, err
	}
	return t, nil
}

// handingOn is an endpoint that hands its commands on.
func (b *Book[E]) handingOn(e Endpoint) Endpoint {
	read := e.read
	e.read = func(s *Service, c *call) (task, error) {
		t, err := read(s, c)
		if err != nil {
			return task{}, err
		}
		run := t.run
		t.run = func(ctx context.Context) ([]byte, error) {
			for range maxRelays {
				if rival := b.rival(); rival != "" {
					if body, err := b.handOn(ctx, rival, e.subject, c); body != nil || err != nil {
						return body, err
					}
					continue
				}
				body, err := run(ctx)
				if !errors.Is(err, errStandby) {
					return body, err
				}
			}
			return run(forced(ctx))
		}
		return t, nil
	}
	return e
}

// handOn gives a command to the replica that writes, and returns its answer, or why
// it refuses; neither if it has none. One that is stopping, or is not there, is not
// asked again for a while; one that cannot do this now still is the one that writes.
func (b *Book[E]) handOn(ctx context.Context, replica, subject string, c *call) ([]byte, error) {
	m := nats.NewMsg(protocol.SubjectReplica(b.service, replica))
	m.Data = c.data
	maps.Copy(m.Header, nats.Header(c.header))
	m.Header[protocol.HeaderRelayed] = []string{subject}
	ctx, cancel := context.WithTimeout(ctx, relayTimeout)
	defer cancel()
	answer, err := b.conn.RequestMsgWithContext(ctx, m)
	if err != nil || answer.Header.Get(protocol.HeaderStopping) != "" {
		b.view.mu.Lock()
		b.view.rivals.suspect(replica)
		b.view.mu.Unlock()
		return nil, nil
	}
	if answer.Header.Get(micro.ErrorCodeHeader) != "" {
		return nil, refusalIn(answer.Data)
	}
	if len(answer.Data) == 0 {
		return nil, nil
	}
	return answer.Data, nil
}

// refusalIn is the error that another replica has answered.
func refusalIn(body []byte) error {
	refused := new(protocol.Error)
	if err := json.Unmarshal(body, refused); err != nil {
		return fmt.Errorf("decoding the refusal of another replica: %w", err)
	}
	return refused
}

// isThere asks another replica whether it is there.
func (b *Book[E]) isThere(ctx context.Context, replica string) bool {
	body, err := b.handOn(ctx, replica, "", &call{})
	return body != nil || err != nil
}

type forcedKey struct{}

// forced lets a command be decided by this replica, whoever writes.
func forced(ctx context.Context) context.Context { return context.WithValue(ctx, forcedKey{}, true) }

func isForced(ctx context.Context) bool { return ctx.Value(forcedKey{}) != nil }
