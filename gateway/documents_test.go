package gateway_test

import (
	"testing"

	"amends/gateway"
	"amends/protocol"
)

// S4-11: the result of a step that was answered later.
func TestACallbackIsPassedOn(t *testing.T) {
	s := newStage(t)
	s.answer(protocol.SubjectCallbacks, `{"type":"callback_accepted","saga_id":"c1","step":2,"effect":"taken"}`)
	d := s.gateway()
	const reply = `{"type":"RequestPayment_ok","saga_id":"c1","step":2,"payment_id":"p1","amount":249.90}`
	var accepted protocol.CallbackAccepted
	d.post("/v1/callbacks/c1/2/tok-EN_1", reply).is(200, &accepted)
	if got := string(s.last("checkout.callback.c1.2.tok-EN_1").Data); got != reply || accepted.Effect != protocol.CallbackTaken {
		t.Errorf("asked %s, answered %+v", got, accepted)
	}
	for path, want := range map[string]struct {
		code  protocol.Code
		field string
	}{
		"a.b/2/token":  {protocol.CodeInvalidID, "saga_id"},
		"c1/0/token":   {protocol.CodeInvalidField, "step"},
		"c1/65/token":  {protocol.CodeInvalidField, "step"},
		"c1/two/token": {protocol.CodeInvalidField, "step"},
		"c1/02/token":  {protocol.CodeInvalidField, "step"},
		"c1/2/a.b":     {protocol.CodeInvalidID, "token"},
		"c1/2/%3E":     {protocol.CodeInvalidID, "token"},
		"c1/2/a%20b":   {protocol.CodeInvalidID, "token"},
	} {
		d.post("/v1/callbacks/"+path, reply).problem(422, want.code, want.field)
	}
	if n := s.all(); n != 1 {
		t.Errorf("%d callbacks were passed on", n)
	}
}

// D21: a forged callback is refused, and told no more than that.
func TestAForgedCallback(t *testing.T) {
	s := newStage(t)
	s.answer(protocol.SubjectCallbacks, `{"type":"error","code":"token_refused","message":"is not the token that was given out"}`)
	s.gateway().post("/v1/callbacks/c1/2/guess", `{"type":"RequestPayment_ok","saga_id":"c1","step":2}`).problem(403, protocol.CodeTokenRefused, "")
}

// S3-01, S3-02, S3-25: what is decided is told in the words of document 003.
func TestCart(t *testing.T) {
	const add, line = `{"clientID":"u42","productID":"abc123","quantity":2}`, `{"user_id":"u42","sku":"abc123","quantity":2}`
	const out, owner = `{"clientID":"u42"}`, `{"user_id":"u42","wait_ms":60000}`
	for _, c := range []struct{ path, body, subject, asked, reply, want string }{
		{"/addToCart", add, protocol.SubjectCartAdd, line, `{"type":"cart","user_id":"u42"}`, `{"status":"Success","error":""}`},
		{"/addToCart", add, protocol.SubjectCartAdd, line, `{"type":"cart_failed","error":"out_of_stock"}`, `{"status":"Failed","error":"out_of_stock"}`},
		{"/addToCart", add, protocol.SubjectCartAdd, line, `{"type":"AddToCart_failed"}`, `{"status":"Failed","error":"refused"}`},
		{"/addToCart", add, protocol.SubjectCartAdd, line, `{"type":"error","code":"not_found","message":"is no product","field":"sku"}`, `{"status":"Failed","error":"sku is no product"}`},
		{"/checkOutCart", out, protocol.SubjectCartCheckout, owner, `{"type":"checkout_complete","saga_id":"c1","status":"COMPLETED","order_id":"o1"}`, `{"status":"Success","error":""}`},
		{"/checkOutCart", out, protocol.SubjectCartCheckout, owner, `{"type":"checkout_failed","saga_id":"c1","status":"ABORTED","reason":"Payment declined: DECLINED"}`, `{"status":"Failed","error":"Payment declined: DECLINED"}`},
		{"/checkOutCart", out, protocol.SubjectCartCheckout, owner, `{"type":"checkout_failed","saga_id":"c1","status":"STUCK"}`, `{"status":"Failed","error":"STUCK"}`},
		{"/checkOutCart", out, protocol.SubjectCartCheckout, owner, `{"type":"error","code":"missing_field","message":"is empty","field":"cart"}`, `{"status":"Failed","error":"cart is empty"}`},
	} {
		t.Run(c.reply, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			s.answer(c.subject, c.reply)
			a := s.gateway().post(c.path, c.body).is(200, nil)
			if string(a.body) != c.want+"\n" {
				t.Errorf("answered %s, want %s", a.body, c.want)
			}
			if asked := string(s.last(c.subject).Data); asked != c.asked {
				t.Errorf("asked %s", asked)
			}
		})
	}
}

// D9: what is not decided is neither a success nor a failure.
func TestACartOfWhichNothingIsKnown(t *testing.T) {
	s := newStage(t)
	d := s.gateway()
	d.post("/checkOutCart", `{"clientID":"u42"}`).problem(503, protocol.CodeUnavailable, "")
	s.answer(protocol.SubjectCartCheckout, `{"type":"checkout_accepted","saga_id":"c1","status":"PENDING"}`)
	d.post("/checkOutCart", `{"clientID":"u42"}`).problem(503, protocol.CodeUnavailable, "")
	s.answer(protocol.SubjectCartAdd, `{"type":"error","code":"overloaded","message":"try again"}`)
	d.post("/addToCart", `{"clientID":"u42","productID":"abc123","quantity":2}`).problem(503, protocol.CodeOverloaded, "")
}

func TestCartsThatAreRefused(t *testing.T) {
	s := newStage(t)
	d := s.gateway()
	for body, want := range map[string]struct {
		code  protocol.Code
		field string
	}{
		`{"productID":"abc123","quantity":2}`:                      {protocol.CodeMissingField, "clientID"},
		`{"clientID":"u42","quantity":2}`:                          {protocol.CodeMissingField, "productID"},
		`{"clientID":"u.42","productID":"abc123","quantity":2}`:    {protocol.CodeInvalidID, "clientID"},
		`{"clientID":"u42","productID":"abc 123","quantity":2}`:    {protocol.CodeInvalidID, "productID"},
		`{"clientID":"u42","productID":"abc123"}`:                  {protocol.CodeInvalidField, "quantity"},
		`{"clientID":"u42","productID":"abc123","quantity":0}`:     {protocol.CodeInvalidField, "quantity"},
		`{"clientID":"u42","productID":"abc123","quantity":-1}`:    {protocol.CodeInvalidField, "quantity"},
		`{"clientID":"u42","productID":"abc123","quantity":1001}`:  {protocol.CodeInvalidField, "quantity"},
		`{"clientID":"u42","productID":"abc123","quantity":2.0}`:   {protocol.CodeInvalidField, "quantity"},
		`{"clientID":"u42","productID":"abc123","quantity":"two"}`: {protocol.CodeInvalidField, "quantity"},
	} {
		d.post("/addToCart", body).problem(422, want.code, want.field)
	}
	d.post("/checkOutCart", `{}`).problem(422, protocol.CodeMissingField, "clientID")
	if s.all() != 0 {
		t.Error("a refused cart was asked for")
	}
}

// seedOrder is the order of document 004, word by word.
const seedOrder = `{"customerId": "e081ad0f-f83e-4f81-b2d7-23655ac04b8a", "amount": 10.5, "items": [{
	"id": "3852cb18-9c19-4326-ac77-a1a0264bd98c", "name": "day-one", "amount" : 200.00, "quantity" : 1}]}`

// S4-02: an order is taken at once, and starts the workflow of tickets.
func TestAnOrderOfTickets(t *testing.T) {
	s := newStage(t)
	accepts(s, "PENDING")
	d := s.gateway()
	var created gateway.OrderCreated
	a := d.post("/orders", seedOrder).is(201, &created)
	r := started(s)
	if created.ID == "" || created.ID != r.SagaID || a.header.Get("Location") != "/v1/sagas/"+r.SagaID {
		t.Errorf("answered %s at %q, started %s", a.body, a.header.Get("Location"), r.SagaID)
	}
	if r.Definition != "ticket" || r.UserID != "e081ad0f-f83e-4f81-b2d7-23655ac04b8a" || *r.WaitMS != 0 ||
		r.Amount != "10.5" || r.Currency != "BRL" || len(r.Items) != 1 || r.Items[0] != (protocol.Line{SKU: "3852cb18-9c19-4326-ac77-a1a0264bd98c", Quantity: 1}) {
		t.Errorf("started %+v", r)
	}
	d.post("/orders", seedOrder, "Idempotency-Key", "k").is(201, &created)
	first := created.ID
	d.post("/orders", seedOrder, "Idempotency-Key", "k").is(201, &created)
	if created.ID != first {
		t.Errorf("one key made %s and %s", first, created.ID)
	}
}

// A client of document 004 knows nothing of definitions: one that is missing is no
// fault of its order.
func TestNoTicketsAreSoldHere(t *testing.T) {
	s := newStage(t)
	s.answer(protocol.SubjectStart, `{"type":"error","code":"definition_unknown","message":"is not the name of a definition here","field":"definition"}`)
	s.gateway().post("/orders", seedOrder).problem(503, protocol.CodeUnavailable, "")
}

func TestOrdersThatAreRefused(t *testing.T) {
	s := newStage(t)
	d := s.gateway()
	item := func(text string) string { return `{"customerId":"u1","amount":10.5,"items":[` + text + `]}` }
	for body, want := range map[string]struct {
		status int
		code   protocol.Code
		field  string
	}{
		`{"amount":10.5,"items":[{"id":"t1","quantity":1}]}`:                                     {422, protocol.CodeMissingField, "customerId"},
		`{"customerId":"a b","amount":10.5,"items":[{"id":"t1","quantity":1}]}`:                  {422, protocol.CodeInvalidID, "customerId"},
		`{"customerId":"u1","items":[{"id":"t1","quantity":1}]}`:                                 {422, protocol.CodeMissingField, "amount"},
		`{"customerId":"u1","amount":10.5}`:                                                      {422, protocol.CodeMissingField, "items"},
		item(`{"quantity":1}`):                                                                   {422, protocol.CodeMissingField, "items[0].id"},
		item(`{"id":"t1","quantity":1},{"id":"t1","quantity":1}`):                                {422, protocol.CodeInvalidField, "items[1].id"},
		item(`{"id":"t1","quantity":0}`):                                                         {422, protocol.CodeInvalidField, "items[0].quantity"},
		item(`{"id":"t1","quantity":1,"amount":-1}`):                                             {422, protocol.CodeInvalidField, "items[0].amount"},
		item(`{"id":"t1","quantity":1,"amount":1e2}`):                                            {422, protocol.CodeInvalidField, "items[0].amount"},
		item(`{"id":"t1","quantity":1,"amount":"200"}`):                                          {422, protocol.CodeInvalidField, "items[0].amount"},
		`{"customerId":"u1","amount":1.005,"items":[{"id":"t1","quantity":1}]}`:                  {422, protocol.CodeInvalidField, "amount"},
		`{"customerId":"u1","customerid":"u2","amount":10.5,"items":[{"id":"t1","quantity":1}]}`: {400, protocol.CodeDuplicateField, ""},
	} {
		d.post("/orders", body).problem(want.status, want.code, want.field)
	}
	if s.all() != 0 {
		t.Error("a refused order was started")
	}
}
