package gateway

import (
	"cmp"
	"context"
	"net/http"
	"strings"

	"amends/protocol"

	"github.com/danielgtaylor/huma/v2"
)

// The API of document 003 (S3-01, S3-02): two calls, each answered by a status
// and an error. This file is the whole mapping to the cart service.

// AddToCart is a request in the words of document 003.
type AddToCart struct {
	ClientID  string `json:"clientID" doc:"Whose cart it is."`
	ProductID string `json:"productID" doc:"The goods."`
	Quantity  int64  `json:"quantity" minimum:"1" maximum:"1000" doc:"How many more of them."`
}

// CheckOutCart is a request in the words of document 003.
type CheckOutCart struct {
	ClientID string `json:"clientID" doc:"Whose cart it is."`
}

// CartAnswer is what document 003 answers to both.
type CartAnswer struct {
	Status string `json:"status" enum:"Success,Failed"`
	Error  string `json:"error" doc:"Why it failed; empty if it did not."`
}

// cartReply is what the gateway reads of an answer of the cart service.
type cartReply struct {
	Type   string `json:"type"`
	Status string `json:"status"`
	Reason string `json:"reason"`
	Error  string `json:"error"`
}

func (g *Gateway) addCart(a huma.API) {
	codes := []protocol.Code{protocol.CodeDuplicateField, protocol.CodeMissingField, protocol.CodeInvalidID, codeMediaType}
	add(a, route{
		method: http.MethodPost, path: "/addToCart", id: "add-to-cart", tag: tagCart, summary: "Put goods into a cart",
		doc:  "Whatever is decided is answered with 200. More of the same product raises its quantity.",
		body: AddToCart{}, example: map[string]any{"clientID": "u42", "productID": "abc123", "quantity": 2}, codes: codes,
	}, g.addToCart)
	add(a, route{
		method: http.MethodPost, path: "/checkOutCart", id: "check-out-cart", tag: tagCart, summary: "Check a cart out",
		doc: "The answer comes when the checkout has ended. The cart is empty after a success, and as before after a failure. " +
			"503 says that it is not decided yet, or not known: ask again.",
		body: CheckOutCart{}, example: map[string]any{"clientID": "u42"}, codes: codes,
	}, g.checkOutCart)
}

func (g *Gateway) addToCart(ctx context.Context, _ *struct{}) (*bodyOutput[CartAnswer], error) {
	in, _, err := decode[AddToCart](ctx)
	if err == nil {
		err = cmp.Or(protocol.CheckID("clientID", in.ClientID), protocol.CheckID("productID", in.ProductID))
	}
	if err == nil && (in.Quantity < 1 || in.Quantity > protocol.MaxQuantity) {
		err = problem(protocol.CodeInvalidField, "quantity", "must be from 1 to 1000")
	}
	if err != nil {
		return nil, err
	}
	request := protocol.CartAdd{CartOwner: protocol.CartOwner{UserID: in.ClientID}, SKU: in.ProductID, Quantity: in.Quantity}
	var reply cartReply
	err = g.ask(ctx, protocol.SubjectCartAdd, request, 0, &reply)
	return cartAnswer(reply.fault(), err)
}

func (g *Gateway) checkOutCart(ctx context.Context, _ *struct{}) (*bodyOutput[CartAnswer], error) {
	in, _, err := decode[CheckOutCart](ctx)
	if err == nil {
		err = protocol.CheckID("clientID", in.ClientID)
	}
	if err != nil {
		return nil, err
	}
	request := protocol.CartCheckout{CartOwner: protocol.CartOwner{UserID: in.ClientID}, WaitMS: milliseconds(maxWait)}
	var reply cartReply
	err = g.ask(ctx, protocol.SubjectCartCheckout, request, maxWait, &reply)
	if err == nil && reply.Status != "" && !isSettled(reply.Status) {
		return nil, unavailable("the checkout has not ended yet; ask again to learn how it did")
	}
	return cartAnswer(reply.fault(), err)
}

// fault says why the cart service did not do it; "" if it did (S3-25).
func (r cartReply) fault() string {
	if r.Status == protocol.StatusCompleted || r.Status == "" && !strings.HasSuffix(r.Type, protocol.SuffixFailed) && r.Error == "" {
		return ""
	}
	return cmp.Or(r.Reason, r.Error, r.Status, "refused")
}

// cartAnswer tells what was decided. An error that decides nothing stays one.
func cartAnswer(fault string, err error) (*bodyOutput[CartAnswer], error) {
	if err != nil {
		refusal := protocol.AsError(err)
		if kindOf(refusal.Code).status >= http.StatusInternalServerError {
			return nil, err
		}
		fault = cmp.Or(strings.TrimSpace(refusal.Field+" "+refusal.Message), string(refusal.Code))
	}
	answer := CartAnswer{Status: "Success"}
	if fault != "" {
		answer = CartAnswer{Status: "Failed", Error: fault}
	}
	return &bodyOutput[CartAnswer]{answer}, nil
}
