package gateway

import (
	"context"
	"encoding/json"
	"net/http"

	"amends/protocol"

	"github.com/danielgtaylor/huma/v2"
)

type callbackInput struct {
	SagaID string `path:"saga_id" doc:"The saga that awaits the result."`
	Step   number `path:"step" minimum:"1" maximum:"64" doc:"The number of its step."`
	Token  string `path:"token" doc:"Proves that the address came from the orchestrator."`
}

func (g *Gateway) addCallbacks(a huma.API) {
	add(a, route{
		method: http.MethodPost, path: "/v1/callbacks/{saga_id}/{step}/{token}", id: "send-callback", tag: tagCallbacks,
		summary: "Send the result of a step that was answered later",
		doc: "The body is the reply that the service would have given at once, such as ChargePayment_ok. " +
			"It may be sent again: effect says what became of it.",
		body: protocol.Reply{}, example: map[string]any{
			"type": "RequestPayment_ok", "saga_id": "checkout42", "step": 2, "payment_id": "p1", "transaction_id": "txn_12345",
		},
		codes: []protocol.Code{
			protocol.CodeDuplicateField, protocol.CodeMissingField, protocol.CodeInvalidID, protocol.CodeUnknownType, codeMediaType,
			protocol.CodeTokenRefused, protocol.CodeSagaNotFound,
		},
	}, g.callback)
}

// callback passes a result on as it came: whether it is one is for the saga to
// decide. What no door takes is refused here.
func (g *Gateway) callback(ctx context.Context, in *callbackInput) (*bodyOutput[protocol.CallbackAccepted], error) {
	id, err := protocol.ParseSagaID(in.SagaID)
	if err != nil {
		return nil, err
	}
	step, err := in.Step.value("step")
	if err != nil {
		return nil, err
	}
	if step < 1 || step > protocol.MaxSteps {
		return nil, problem(protocol.CodeInvalidField, "step", "must be from 1 to 64")
	}
	if err := protocol.CheckID("token", in.Token); err != nil {
		return nil, err
	}
	if _, _, err := decode[protocol.Reply](ctx); err != nil {
		return nil, err
	}
	out := new(bodyOutput[protocol.CallbackAccepted])
	return out, g.ask(ctx, protocol.SubjectCallback(id, int(step), in.Token), json.RawMessage(callOf(ctx).body), 0, &out.Body)
}
