package main

import (
	"encoding/json"
	"fmt"
	"time"

	"amends/protocol"

	"github.com/nats-io/nats.go"
)

// clientFlags are those of a command that asks the service.
type clientFlags struct {
	accessFlags
	Timeout time.Duration `default:"10s" env:"NATS_TIMEOUT" help:"How long to wait for an answer."`
	JSON    bool          `help:"Print the answer as JSON."`
}

func (f *clientFlags) connect() (*nats.Conn, error) {
	nc, err := f.access().Dial("amends client")
	if err != nil {
		return nil, exitOfNATS(err)
	}
	return nc, nil
}

// outlast makes the time-out longer than what the service was asked to wait.
func (f *clientFlags) outlast(wait time.Duration) { f.Timeout = max(f.Timeout, wait+time.Second) }

// printJSON prints an answer as it came, if that is wanted and there is one.
func (f *clientFlags) printJSON(raw []byte) {
	if f.JSON && raw != nil {
		fmt.Fprintln(stdout, string(raw))
	}
}

// show connects, asks once, and prints the answer: as it came, or by print.
func (f *clientFlags) show(subject string, request, answer any, print func() error) error {
	nc, err := f.connect()
	if err != nil {
		return err
	}
	defer nc.Close()
	raw, err := f.ask(nc, subject, request, answer)
	f.printJSON(raw)
	if err != nil || f.JSON {
		return err
	}
	return print()
}

// ask sends a request and decodes the answer into answer. An answer that is an
// error is returned as one, with its exit code.
func (f *clientFlags) ask(nc *nats.Conn, subject string, request, answer any) ([]byte, error) {
	body, asItIs := request.(json.RawMessage)
	if !asItIs {
		var err error
		if body, err = json.Marshal(request); err != nil {
			return nil, fmt.Errorf("encoding the request: %w", err)
		}
	}
	reply, err := nc.Request(subject, body, f.Timeout)
	if err != nil {
		return nil, exitOfNATS(err)
	}
	var head struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(reply.Data, &head); err != nil {
		return nil, fmt.Errorf("decoding the answer: %w", err)
	}
	if head.Type == protocol.TypeError {
		var refusal protocol.Error
		if err := json.Unmarshal(reply.Data, &refusal); err != nil {
			return nil, fmt.Errorf("decoding the answer: %w", err)
		}
		return reply.Data, exitOf(&refusal)
	}
	if err := json.Unmarshal(reply.Data, answer); err != nil {
		return nil, fmt.Errorf("decoding the answer: %w", err)
	}
	return reply.Data, nil
}
