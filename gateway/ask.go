package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"amends/protocol"

	"github.com/nats-io/nats.go"
)

// ask sends a request on NATS and decodes its answer into answer. A request that is
// JSON already goes as it is. wait is how
// long whoever answers was told that it may take. An answer that is an error is
// returned as *protocol.Error, and so is everything that keeps an answer away:
// code unavailable, since it is not known whether the request arrived.
func (g *Gateway) ask(ctx context.Context, subject string, request any, wait time.Duration, answer any) error {
	body, asItCame := request.(json.RawMessage)
	if !asItCame {
		var err error
		if body, err = json.Marshal(request); err != nil {
			return fmt.Errorf("encoding a request: %w", err)
		}
	}
	data, err := g.request(ctx, subject, body, wait)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, answer); err != nil {
		return fmt.Errorf("decoding an answer: %w", err)
	}
	return nil
}

// request sends bytes and returns those of the answer, unless that is an error.
func (g *Gateway) request(ctx context.Context, subject string, body []byte, wait time.Duration) ([]byte, error) {
	ctx, cancel := g.bound(ctx, wait)
	defer cancel()
	reply, err := g.cfg.Conn.RequestMsgWithContext(ctx, &nats.Msg{Subject: subject, Header: callOf(ctx).header, Data: body})
	if err != nil {
		return nil, g.unanswered(err)
	}
	return reply.Data, refusalIn(reply.Data)
}

// refusalIn returns the error that an answer is; nil if it is none.
func refusalIn(answer []byte) error {
	var head struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(answer, &head); err != nil {
		return fmt.Errorf("decoding an answer: %w", err)
	}
	if head.Type != protocol.TypeError {
		return nil
	}
	refusal := new(protocol.Error)
	if err := json.Unmarshal(answer, refusal); err != nil {
		return fmt.Errorf("decoding an answer: %w", err)
	}
	return refusal
}

var errStopping = unavailable("the gateway is stopping; ask again")

// unanswered says why there is no answer.
func (g *Gateway) unanswered(err error) error {
	switch {
	case g.base.Err() != nil:
		return errStopping
	case errors.Is(err, nats.ErrNoResponders):
		return unavailable("nobody answers this at the moment; ask again later")
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, nats.ErrTimeout):
		return unavailable("no answer came in time; ask again")
	case errors.Is(err, context.Canceled):
		return unavailable("the connection was lost before an answer came; ask again")
	}
	g.log.Debug().Err(err).Msg("cannot ask on NATS")
	return unavailable("NATS cannot be reached; ask again later")
}
