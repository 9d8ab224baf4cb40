package protocol

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// checked is a message that can be refused.
type checked interface{ Validate() error }

// exampleCommands are the messages that have a type and are checked when they
// arrive.
var exampleCommands = map[string]func() checked{
	TypeCheckout:           func() checked { return new(StartRequest) },
	TypeReserveInventory:   func() checked { return new(ReserveInventory) },
	TypeReleaseReservation: func() checked { return new(ReleaseReservation) },
	TypeCommitReservation:  func() checked { return new(CommitReservation) },
	TypeChargePayment:      func() checked { return new(ChargePayment) },
	TypeRequestPayment:     func() checked { return new(RequestPayment) },
	TypeAuthorizePayment:   func() checked { return new(AuthorizePayment) },
	TypeCapturePayment:     func() checked { return new(CapturePayment) },
	TypeVoidPayment:        func() checked { return new(VoidPayment) },
	TypeRefundPayment:      func() checked { return new(RefundPayment) },
	TypeCreateShipment:     func() checked { return new(CreateShipment) },
	TypeCancelShipment:     func() checked { return new(CancelShipment) },
	TypeQueryStep:          func() checked { return new(QueryStep) },
}

// exampleFields are the fields of acceptances.
var exampleFields = map[string]func() checked{
	TypeReserveInventory + SuffixOK: func() checked { return new(ReserveInventoryOK) },
	TypeChargePayment + SuffixOK:    func() checked { return new(ChargePaymentOK) },
	TypeAuthorizePayment + SuffixOK: func() checked { return new(AuthorizePaymentOK) },
	TypeRequestPayment + SuffixOK:   func() checked { return new(ChargePaymentOK) },
	TypeCapturePayment + SuffixOK:   func() checked { return new(ChargePaymentOK) },
	TypeCreateShipment + SuffixOK:   func() checked { return new(CreateShipmentOK) },
	TypeQueryStep + SuffixOK:        func() checked { return new(QueryStepOK) },
}

// exampleAnswers are the messages of the orchestrator and of lookups.
var exampleAnswers = map[string]func() any{
	TypeCheckoutComplete: func() any { return new(Outcome) },
	TypeCheckoutFailed:   func() any { return new(Outcome) },
	TypeCheckoutAccepted: func() any { return new(Outcome) },
	TypeCheckoutStatus:   func() any { return new(Status) },
	TypeCheckoutList:     func() any { return new(List) },
	TypeCheckoutPlan:     func() any { return new(Plan) },
	TypeDefinitions:      func() any { return new(Definitions) },
	TypeCallbackAccepted: func() any { return new(CallbackAccepted) },
	TypeStock:            func() any { return new(StockLevel) },
	TypeCart:             func() any { return new(Cart) },
	TypeCartFailed:       func() any { return new(CartFailed) },
	TypeOrder:            func() any { return new(Order) },
	TypeOrderList:        func() any { return new(OrderList) },
	TypeError:            func() any { return new(wireError) },
}

// exampleRequests are the messages that an example sends with the nats command,
// by their subjects.
var exampleRequests = map[string]func() checked{
	SubjectList:        func() checked { return new(ListRequest) },
	SubjectCancel:      func() checked { return new(CancelRequest) },
	SubjectRetry:       func() checked { return new(RetryRequest) },
	SubjectResolve:     func() checked { return new(ResolveRequest) },
	SubjectMigrate:     func() checked { return new(MigrateRequest) },
	SubjectPlan:        func() checked { return new(PlanRequest) },
	SubjectDefinitions: func() checked { return new(DefinitionsRequest) },
	SubjectPayment:     func() checked { return new(RowQuery) },
	SubjectShipment:    func() checked { return new(RowQuery) },
	SubjectStock:       func() checked { return new(StockQuery) },

	SubjectCartAdd:      func() checked { return new(CartAdd) },
	SubjectCartRemove:   func() checked { return new(CartRemove) },
	SubjectCart:         func() checked { return new(CartGet) },
	SubjectCartCheckout: func() checked { return new(CartCheckout) },
	SubjectOrder:        func() checked { return new(OrderQuery) },
	SubjectOrderList:    func() checked { return new(OrderListRequest) },
}

// TestDocumentExamplesAreTaken decodes and checks every example of a request or
// a command, and reads every reply and every answer.
func TestDocumentExamplesAreTaken(t *testing.T) {
	for _, m := range regexp.MustCompile(`(?m)^\{"type":.*\}$`).FindAllString(document(t), -1) {
		var head Reply
		if _, err := Decode([]byte(m), &head); err != nil {
			t.Errorf("%s: %v", m, err)
		}
		switch {
		case exampleCommands[head.Type] != nil:
			take(t, m, exampleCommands[head.Type]())
		case exampleAnswers[head.Type] != nil:
			decodeAll(t, m, exampleAnswers[head.Type]())
		default:
			readReply(t, m, head)
		}
	}
}

// TestDocumentHasAnExampleOfEach holds that no message is without one.
func TestDocumentHasAnExampleOfEach(t *testing.T) {
	text := document(t)
	types := slices.Concat(
		slices.Collect(maps.Keys(exampleCommands)), slices.Collect(maps.Keys(exampleFields)),
		slices.Collect(maps.Keys(exampleAnswers)),
	)
	for _, name := range types {
		if !strings.Contains(text, `{"type":"`+name+`",`) {
			t.Errorf("PROTOCOL.md has no example of %s", name)
		}
	}
	for subject := range exampleRequests {
		if !strings.Contains(text, "\nnats req "+subject+" ") {
			t.Errorf("PROTOCOL.md has no example of a request on %s", subject)
		}
	}
}

// decodeAll decodes an example in which no field may be unknown.
func decodeAll(t *testing.T, example string, into any) {
	t.Helper()
	if unknown, err := Decode([]byte(example), into); err != nil || len(unknown) > 0 {
		t.Errorf("%s: unknown fields %q, error %v", example, unknown, err)
	}
}

// take decodes an example and holds it to be good.
func take(t *testing.T, example string, message checked) {
	t.Helper()
	decodeAll(t, example, message)
	if err := message.Validate(); err != nil {
		t.Errorf("%s: %v", example, err)
	}
}

// readReply reads a reply as the orchestrator does, with the fields that it must
// have. What a query brought is read as a reply in its turn.
func readReply(t *testing.T, example string, head Reply) {
	t.Helper()
	command, _, _ := strings.Cut(head.Type, "_")
	id, err := ParseSagaID(head.SagaID)
	if err != nil {
		t.Fatalf("%s: %v", example, err)
	}
	answer, err := ParseReply(command, id, head.Step, []byte(example))
	if err != nil {
		t.Errorf("%s: %v", example, err)
	}
	if exampleFields[head.Type] == nil {
		return
	}
	fields, err := json.Marshal(answer.Fields)
	if err != nil {
		t.Fatal(err)
	}
	message := exampleFields[head.Type]()
	take(t, string(fields), message)
	if q, ok := message.(*QueryStepOK); ok && q.Outcome == OutcomeKnown {
		var inner Reply
		if _, err := Decode(q.Reply, &inner); err != nil {
			t.Fatalf("%s: %v", q.Reply, err)
		}
		readReply(t, string(q.Reply), inner)
	}
}

// TestDocumentRequestsAreTaken does the same with what the examples send with the
// nats command.
func TestDocumentRequestsAreTaken(t *testing.T) {
	for _, m := range regexp.MustCompile(`(?m)^nats req (\S+) '(.*)'$`).FindAllStringSubmatch(document(t), -1) {
		subject, payload := m[1], m[2]
		switch {
		case exampleRequests[subject] != nil:
			take(t, payload, exampleRequests[subject]())
		case strings.HasPrefix(subject, "checkout.callback."):
			var head Reply
			if err := json.Unmarshal([]byte(payload), &head); err != nil {
				t.Fatal(err)
			}
			readReply(t, payload, head)
			address := RequestPayment{
				Command: Command{Type: TypeRequestPayment, SagaID: head.SagaID, Step: head.Step}, Callback: subject,
			}
			if err := address.checkCallback(); err != nil {
				t.Error(err)
			}
		default:
			t.Errorf("nothing is known to listen on %s", subject)
		}
	}
}

// TestDocumentIncidentsAreRead reads the list under a key of INCIDENTS.
func TestDocumentIncidentsAreRead(t *testing.T) {
	lists := regexp.MustCompile(`(?m)^\[(\{"saga_id":.*\})\]$`).FindAllStringSubmatch(document(t), -1)
	if len(lists) != 1 {
		t.Fatalf("PROTOCOL.md has %d lists of incidents", len(lists))
	}
	decodeAll(t, lists[0][1], new(Incident))
}
