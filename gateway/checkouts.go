package gateway

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"amends/protocol"

	"github.com/danielgtaylor/huma/v2"
	"github.com/nats-io/nuid"
)

type startInput struct {
	Wait string `query:"wait" doc:"How long to wait for the end, such as 5s; 60s at the most. Without it, wait_ms of the body counts; without both, nobody waits." example:"5s"`
	Key  string `header:"Idempotency-Key" doc:"Names the checkout when the body has no saga_id: the same key is the same saga. 1 to 255 printable ASCII characters." maxLength:"255"`
}

// outcomeOutput tells what is known of a saga: 200 once it has settled, 202 while
// it runs.
type outcomeOutput struct {
	Status   int
	Location string `header:"Location" doc:"Where to look the saga up."`
	Body     protocol.Outcome
}

func (g *Gateway) addCheckouts(a huma.API) {
	add(a, route{
		method: http.MethodPost, path: "/v1/checkouts", id: "start-checkout", tag: tagCheckouts, summary: "Start a checkout",
		doc: "From the answer on, the checkout will end, whatever becomes of the client or of any process: " +
			"completed, or undone in reverse. The same saga_id (or Idempotency-Key) with the same content is the same checkout, " +
			"so asking again is always safe; with other content it is refused.",
		body: protocol.StartRequest{}, example: exampleStart, status: http.StatusAccepted,
		also: []also{{http.StatusOK, "It has settled: status says how."}},
		codes: []protocol.Code{
			protocol.CodeDuplicateField, protocol.CodeMissingField, protocol.CodeInvalidID, protocol.CodeUnknownType, codeMediaType,
			protocol.CodeSagaIDConflict, protocol.CodeIdempotencyConflict, protocol.CodeDefinitionUnknown,
		},
	}, g.startCheckout)
}

func (g *Gateway) startCheckout(ctx context.Context, in *startInput) (*outcomeOutput, error) {
	request, _, err := decode[protocol.StartRequest](ctx)
	if err != nil {
		return nil, err
	}
	if err := cmp.Or(request.ValidateEnvelope(), protocol.CheckBare(callOf(ctx).body)); err != nil {
		return nil, err
	}
	wait, err := waitOf(in.Wait, request.WaitMS)
	if err != nil {
		return nil, err
	}
	outcome, err := g.start(ctx, callOf(ctx).body, request.SagaID, in.Key, wait)
	if err != nil {
		return nil, err
	}
	return outcomeOf(outcome), nil
}

// start starts a saga: what was sent goes on as it is, since each definition has
// fields of its own, and the orchestrator says what is wrong with them. Its id is
// known before it is asked for, so that a client can be told it even if no answer
// comes.
func (g *Gateway) start(ctx context.Context, body []byte, id, key string, wait time.Duration) (*protocol.Outcome, error) {
	made, err := id == "", error(nil)
	if made {
		if id, err = sagaIDOf(key); err != nil {
			return nil, err
		}
	}
	body, err = protocol.WithFields(body, map[string]json.RawMessage{
		"saga_id": json.RawMessage(strconv.Quote(id)), "wait_ms": json.RawMessage(strconv.FormatInt(wait.Milliseconds(), 10)),
	})
	if err != nil {
		return nil, err
	}
	outcome := new(protocol.Outcome)
	err = g.ask(ctx, protocol.SubjectStart, json.RawMessage(body), wait, outcome)
	if err != nil && made {
		return nil, startErrorOf(err, id, key)
	}
	return outcome, err
}

// maxKeyBytes bounds an Idempotency-Key, as others do.
const maxKeyBytes = 255

// sagaIDOf makes the id of a saga out of an Idempotency-Key, the same for the
// same key, wherever it is sent to; without one, an id of its own. A key in
// quotes, as the draft of the header has it, is the same key.
func sagaIDOf(key string) (string, error) {
	if key == "" {
		return nuid.Next(), nil
	}
	if inner, ok := strings.CutPrefix(key, `"`); ok {
		key = strings.TrimSuffix(inner, `"`)
	}
	printable := func(c rune) bool { return ' ' <= c && c <= '~' }
	if key == "" || len(key) > maxKeyBytes || strings.ContainsFunc(key, func(c rune) bool { return !printable(c) }) {
		return "", problem(protocol.CodeInvalidField, "Idempotency-Key", "must be 1 to 255 printable ASCII characters")
	}
	sum := sha256.Sum256([]byte("idempotency key " + key))
	return "key-" + hex.EncodeToString(sum[:16]), nil
}

// startError is the error of a start whose saga_id the client does not know.
type startError struct {
	error
	sagaID string
}

// Unwrap returns what went wrong.
func (e *startError) Unwrap() error { return e.error }

func startErrorOf(err error, sagaID, key string) error {
	switch {
	case errors.Is(err, &protocol.Error{Code: protocol.CodeSagaIDConflict}) && key != "":
		return problem(protocol.CodeIdempotencyConflict, "Idempotency-Key", "was used with other content; use a new one")
	case errors.Is(err, &protocol.Error{Code: protocol.CodeUnavailable}):
		return &startError{err, sagaID}
	}
	return err
}

func outcomeOf(outcome *protocol.Outcome) *outcomeOutput {
	status := http.StatusAccepted
	if isSettled(outcome.Status) {
		status = http.StatusOK
	}
	return &outcomeOutput{Status: status, Location: "/v1/sagas/" + outcome.SagaID, Body: *outcome}
}

// isSettled reports whether nothing happens to a saga by itself any more.
func isSettled(status string) bool { return isTerminal(status) || status == protocol.StatusStuck }

// isTerminal reports whether a saga has ended for good.
func isTerminal(status string) bool {
	switch status {
	case protocol.StatusCompleted, protocol.StatusAborted, protocol.StatusKilled:
		return true
	}
	return false
}
