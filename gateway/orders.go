package gateway

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"amends/protocol"

	"github.com/danielgtaylor/huma/v2"
)

// The API of document 004 (S4-02): orders of tickets. This file is the whole
// mapping to the definition "ticket" and to the order service. An order goes by
// the saga_id of its saga.

const definitionTicket = "ticket"

// currencyOfOrders is that of document 004, which names none: it is Brazilian.
const currencyOfOrders = "BRL"

// OrderRequest is an order in the words of document 004.
type OrderRequest struct {
	CustomerID string           `json:"customerId" doc:"Who orders."`
	Amount     protocol.Decimal `json:"amount" doc:"What the customer pays, in BRL."`
	Items      []OrderItem      `json:"items" minItems:"1" maxItems:"100"`
}

// OrderItem is one line of an order.
type OrderItem struct {
	ID       string           `json:"id" doc:"The ticket."`
	Name     string           `json:"name,omitempty" doc:"Of the ticket, for people."`
	Amount   protocol.Decimal `json:"amount,omitempty" doc:"Of one piece, as the customer was told."`
	Quantity int64            `json:"quantity" minimum:"1" maximum:"1000"`
}

// OrderCreated names an order that was taken.
type OrderCreated struct {
	ID string `json:"id" doc:"The id of the order, and of its saga."`
}

// Order is one row of the listing.
type Order struct {
	ID         string           `json:"id"`
	CustomerID string           `json:"customerId"`
	Amount     protocol.Decimal `json:"amount,omitempty"`
	Items      []OrderItem      `json:"items"`
	Status     string           `json:"status" doc:"Where the order stands, as its customer is told."`
}

type (
	orderInput struct {
		Key string `header:"Idempotency-Key" doc:"The same key is the same order. 1 to 255 printable ASCII characters." maxLength:"255"`
	}
	orderOutput struct {
		Location string `header:"Location" doc:"Where to look the saga of the order up."`
		Body     OrderCreated
	}
)

func (g *Gateway) addOrders(a huma.API) {
	add(a, route{
		method: http.MethodPost, path: "/orders", id: "create-order", tag: tagOrders, summary: "Order tickets",
		doc:  "The order is taken, and its workflow begins: reserve, request the payment, finish.",
		body: OrderRequest{}, example: exampleOrder, status: http.StatusCreated,
		codes: []protocol.Code{
			protocol.CodeDuplicateField, protocol.CodeMissingField, protocol.CodeInvalidID, codeMediaType,
			protocol.CodeIdempotencyConflict,
		},
	}, g.createOrder)
	add(a, route{
		method: http.MethodGet, path: "/orders", id: "list-orders", tag: tagOrders, summary: "List orders",
		doc: "With the status that their customers are told, those that began last first. " +
			"If there may be more, the header Link names the next page.",
		codes: []protocol.Code{protocol.CodeDuplicateField, protocol.CodeInvalidID},
	}, g.listOrders)
}

func (g *Gateway) createOrder(ctx context.Context, in *orderInput) (*orderOutput, error) {
	order, _, err := decode[OrderRequest](ctx)
	if err != nil {
		return nil, err
	}
	request, err := order.start()
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(request)
	if err != nil {
		return nil, fmt.Errorf("encoding an order: %w", err)
	}
	outcome, err := g.start(ctx, body, "", in.Key, 0)
	if errors.Is(err, &protocol.Error{Code: protocol.CodeDefinitionUnknown}) {
		return nil, unavailable("no tickets are sold here: the definition " + definitionTicket + " is not loaded")
	}
	if err != nil {
		return nil, err
	}
	return &orderOutput{Location: "/v1/sagas/" + outcome.SagaID, Body: OrderCreated{ID: outcome.SagaID}}, nil
}

// start is the order as the start of a saga. Its amount is what is paid: in the
// document's own example the items do not add up to it (S4-02, X8).
func (o OrderRequest) start() (protocol.StartRequest, error) {
	request := protocol.StartRequest{Definition: definitionTicket, UserID: o.CustomerID, Amount: o.Amount, Currency: currencyOfOrders}
	for _, item := range o.Items {
		request.Items = append(request.Items, protocol.Line{SKU: item.ID, Quantity: item.Quantity})
	}
	// What is not shipped has no address; all else is as in any checkout.
	whole := request
	whole.ShippingAddress = definitionTicket
	if err := whole.Validate(); err != nil {
		return request, inOrderWords(err)
	}
	for n, item := range o.Items {
		if err := checkAmount("items["+strconv.Itoa(n)+"].amount", item.Amount); err != nil {
			return request, err
		}
	}
	return request, nil
}

func checkAmount(field string, amount protocol.Decimal) error {
	if amount == "" {
		return nil
	}
	_, err := protocol.ParseMoney(field, amount, currencyOfOrders)
	return err
}

// inOrderWords names the field at fault as document 004 does.
func inOrderWords(err error) error {
	e := *protocol.AsError(err)
	if e.Field == "user_id" {
		e.Field = "customerId"
	}
	if line, ok := strings.CutSuffix(e.Field, ".sku"); ok {
		e.Field = line + ".id"
	}
	return &e
}

// mostOrders bounds a page of orders: each of them is looked up.
const mostOrders = 100

type ordersInput struct {
	CustomerID string `query:"customerId" doc:"Only those of this customer."`
	Status     string `query:"status" doc:"Only those of this status."`
	Definition string `query:"definition" doc:"Only those of this definition; ticket unless told." example:"ticket"`
	Limit      number `query:"limit" minimum:"1" maximum:"100" doc:"At most so many; 100 unless told."`
	Page       string `query:"page" doc:"As the Link of the page before has it."`
}

type ordersOutput struct {
	Link string `header:"Link" doc:"The next page, if there may be one: rel=\"next\"."`
	Body []Order
}

// request is the question on NATS.
func (in *ordersInput) request() (protocol.OrderListRequest, error) {
	limit, err := in.Limit.value("limit")
	if err == nil && (in.Limit != "" && limit < 1 || limit > mostOrders) {
		err = problem(protocol.CodeInvalidField, "limit", "must be from 1 to "+strconv.Itoa(mostOrders))
	}
	if err != nil {
		return protocol.OrderListRequest{}, err
	}
	request := protocol.OrderListRequest{
		Status: in.Status, UserID: in.CustomerID, Definition: cmp.Or(in.Definition, definitionTicket), Limit: int(limit), Page: in.Page,
	}
	if err := request.Validate(); err != nil {
		return request, inOrderWords(err)
	}
	return request, nil
}

// next links to the page behind this one.
func (in *ordersInput) next(page string) string {
	if page == "" {
		return ""
	}
	query := url.Values{"page": {page}}
	for name, value := range map[string]string{
		"customerId": in.CustomerID, "status": in.Status, "definition": in.Definition, "limit": string(in.Limit),
	} {
		if value != "" {
			query.Set(name, value)
		}
	}
	return "</orders?" + query.Encode() + `>; rel="next"`
}

// listOrders looks every order of the page up: the list itself says nothing of what
// was ordered.
func (g *Gateway) listOrders(ctx context.Context, in *ordersInput) (*ordersOutput, error) {
	request, err := in.request()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, g.cfg.Timeout)
	defer cancel()
	var list protocol.OrderList
	if err := g.ask(ctx, protocol.SubjectOrderList, request, 0, &list); err != nil {
		return nil, err
	}
	orders, err := lookUpAll(ctx, g, len(list.Orders), func(n int) (*protocol.Order, error) {
		order := new(protocol.Order)
		return order, g.ask(ctx, protocol.SubjectOrder, protocol.OrderQuery{SagaID: list.Orders[n].SagaID}, 0, order)
	})
	if err != nil {
		return nil, err
	}
	out := &ordersOutput{Link: in.next(list.Next), Body: []Order{}}
	for _, order := range orders {
		out.Body = append(out.Body, inTheWordsOf004(order))
	}
	return out, nil
}

func inTheWordsOf004(o *protocol.Order) Order {
	order := Order{ID: o.SagaID, CustomerID: o.UserID, Amount: o.Amount, Items: []OrderItem{}, Status: o.Status}
	for _, line := range o.Items {
		order.Items = append(order.Items, OrderItem{ID: line.SKU, Quantity: line.Quantity})
	}
	return order
}
