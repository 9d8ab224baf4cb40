package gateway

import (
	"context"
	"net/http"

	"amends/protocol"

	"github.com/danielgtaylor/huma/v2"
)

// actInput is what every act of an operator takes, beside its body.
type actInput struct {
	ID      string `path:"id" doc:"The saga_id."`
	Wait    string `query:"wait" doc:"How long to wait until the saga has settled, such as 5s; 60s at the most. Not for migrate, which is answered at once." example:"5s"`
	IfMatch string `header:"If-Match" doc:"The ETag of the saga as the operator saw it: the act is refused if the saga has moved on. * is whatever it is." example:"\"7\""`
}

// act is what all requests for acts have in common.
type act struct {
	sagaID *string
	wait   **int64 // nil if there is none
	seen   bool    // the operator must say which revision this is about
}

func (g *Gateway) addOperators(a huma.API) {
	addAct(g, a, "cancel", protocol.SubjectCancel, "Turn a saga back",
		"What was done is undone in reverse. With kill, the saga ends where it stands and nothing is undone: that needs If-Match, a reason, and who says so.",
		map[string]any{"reason": "the customer called", "by": "kim"},
		func(r *protocol.CancelRequest) act { return act{&r.SagaID, &r.WaitMS, r.Kill} })
	addAct(g, a, "retry", protocol.SubjectRetry, "Try again what has failed", "For a saga that is STUCK.",
		map[string]any{"reason": "the carrier is back", "by": "kim"},
		func(r *protocol.RetryRequest) act { return act{&r.SagaID, &r.WaitMS, false} })
	addAct(g, a, "resolve", protocol.SubjectResolve, "Settle a step by hand",
		"For a saga that is STUCK. It needs If-Match: what is settled is what the operator has seen.",
		map[string]any{"step": 2, "as": "done", "evidence": "bank transfer 4711", "reason": "refunded by hand", "by": "kim"},
		func(r *protocol.ResolveRequest) act { return act{&r.SagaID, &r.WaitMS, true} })
	addAct(g, a, "migrate", protocol.SubjectMigrate, "Go on with another version of the definition",
		"Without a hash, with the version that new sagas begin with.",
		map[string]any{"reason": "longer time-outs", "by": "kim"},
		func(r *protocol.MigrateRequest) act { return act{&r.SagaID, nil, false} })
	add(a, route{
		method: http.MethodPost, path: "/v1/plans", id: "plan-act", tag: tagOperators, summary: "Ask what an act would do",
		doc:  "To one saga, or to all that match. Nothing is changed.",
		body: protocol.PlanRequest{}, example: map[string]any{"act": "cancel", "status": "STUCK"}, operator: true,
		codes: []protocol.Code{
			protocol.CodeDuplicateField, protocol.CodeMissingField, protocol.CodeInvalidID, codeMediaType, codeUnauthorized, protocol.CodeSagaNotFound,
		},
	}, g.plan)
}

// addAct adds one act. common says what of its request all acts have.
func addAct[T interface{ Validate() error }](
	g *Gateway, a huma.API, verb, subject, summary, doc string, example any, common func(*T) act,
) {
	var none T
	add(a, route{
		method: http.MethodPost, path: "/v1/sagas/{id}/" + verb, id: verb + "-saga", tag: tagOperators, summary: summary, doc: doc,
		body: none, optional: verb != "resolve", example: example, operator: true, status: http.StatusAccepted,
		also: []also{{http.StatusOK, "It has settled: status says how."}},
		codes: []protocol.Code{
			protocol.CodeDuplicateField, protocol.CodeMissingField, protocol.CodeInvalidID, codeMediaType, codeUnauthorized, protocol.CodeSagaNotFound,
			protocol.CodeSagaEnded, protocol.CodeActRefused, codeIfMatchRequired, codeRevisionChanged,
		},
	}, func(ctx context.Context, in *actInput) (*outcomeOutput, error) {
		request, err := decodeOptional[T](ctx)
		if err != nil {
			return nil, err
		}
		about := common(&request)
		if err := nameSaga(about.sagaID, in.ID); err != nil {
			return nil, err
		}
		if err := request.Validate(); err != nil {
			return nil, err
		}
		return g.perform(ctx, subject, in, about, &request)
	})
}

// nameSaga puts the saga of the path into the request. A body that names
// another one is a slip that must not hit either.
func nameSaga(inBody *string, inPath string) error {
	if *inBody != "" && *inBody != inPath {
		return problem(protocol.CodeInvalidField, "saga_id", "is another one than that of the path; leave it out")
	}
	*inBody = inPath
	return nil
}

// perform checks that the operator has seen the saga as it is, and asks for the
// act.
func (g *Gateway) perform(ctx context.Context, subject string, in *actInput, about act, request any) (*outcomeOutput, error) {
	if about.wait == nil && in.Wait != "" {
		return nil, problem(protocol.CodeInvalidField, "wait", "is not for this act")
	}
	var said *int64
	if about.wait != nil {
		said = *about.wait
	}
	wait, err := waitOf(in.Wait, said)
	if err != nil {
		return nil, err
	}
	if about.wait != nil {
		*about.wait = milliseconds(wait)
	}
	if err := g.checkSeen(ctx, in, about.seen); err != nil {
		return nil, err
	}
	outcome := new(protocol.Outcome)
	if err := g.ask(ctx, subject, request, wait, outcome); err != nil {
		return nil, err
	}
	return outcomeOf(outcome), nil
}

// checkSeen refuses an act that is about an older revision of the saga. The saga
// may still move on between the check and the act; then its own rules decide
// whether the act is possible.
func (g *Gateway) checkSeen(ctx context.Context, in *actInput, required bool) error {
	switch {
	case in.IfMatch == "*":
		return nil
	case in.IfMatch == "" && required:
		return problem(codeIfMatchRequired, "If-Match", "must be the ETag of the saga as you saw it, or * for whatever it is")
	case in.IfMatch == "":
		return nil
	}
	status, err := g.status(ctx, in.ID)
	if err != nil {
		return err
	}
	if !matches(in.IfMatch, etag(status.Revision), false) {
		return problem(codeRevisionChanged, "If-Match", "is not the revision of the saga any more; look at it again")
	}
	return nil
}

func (g *Gateway) plan(ctx context.Context, _ *struct{}) (*bodyOutput[protocol.Plan], error) {
	request, _, err := decode[protocol.PlanRequest](ctx)
	if err != nil {
		return nil, err
	}
	if err := request.Validate(); err != nil {
		return nil, err
	}
	out := new(bodyOutput[protocol.Plan])
	return out, g.ask(ctx, protocol.SubjectPlan, request, 0, &out.Body)
}
