package stdio_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"amends/protocol"
	"amends/worker/workertest"

	"github.com/nats-io/nats.go"
)

// document000 are the messages of document 000, line by line.
func document000(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "protocol", "testdata", "document000.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	return splitLines(string(text))
}

// A5: the services are nodes on the other end of the lines. They answer with the
// very lines of the document, ids included.
func TestExternalServices(t *testing.T) {
	t.Parallel()
	doc := document000(t)
	n := start(t, "--external-services")
	n.write(doc[0] + "\n")
	n.await(`{"src": "checkout_orchestrator", "dest": "inventory", "body": ` + strings.TrimSuffix(doc[1], "}") + `, "msg_id": 0}}`)
	n.write(doc[2] + "\n")
	n.await(`{"src": "checkout_orchestrator", "dest": "payment", "body": ` + strings.TrimSuffix(doc[3], "}") + `, "currency": "USD", "msg_id": 1}}`)
	n.write(`{"src":"payment","dest":"checkout_orchestrator","body":` + doc[4] + "}\n")
	n.await(`{"src": "checkout_orchestrator", "dest": "shipping", "body": {"type": "CreateShipment", "saga_id": "checkout42", "step": 3, ` +
		`"items": [{"sku": "abc123", "quantity": 2}, {"sku": "xyz789", "quantity": 1}], "address": "123 Main St", "msg_id": 2}}`)
	n.write(doc[6] + "\n")
	n.await(`{"type": "checkout_complete", "saga_id": "checkout42", "status": "COMPLETED", "order_id": "o`)
	n.closeInput()
	if r := n.end(); r.code != 0 || len(r.stdout) != 4 {
		t.Errorf("exit code %d, told\n%s", r.code, strings.Join(r.stdout, "\n"))
	}
}

// S0-14 … S0-18: the node of the bank declines; what it is asked to undo is what
// the node of the goods has said.
func TestExternalFailure(t *testing.T) {
	t.Parallel()
	doc := document000(t)
	n := start(t, "--external-services")
	n.write(join(document(t, "failure.in")...))
	n.await(`"dest": "inventory"`)
	n.write(`{"type": "ReserveInventory_ok", "saga_id": "checkout43", "step": 1, "reservations": [{"sku": "abc123", "reservation_id": "r1"}]}` + "\n")
	n.await(`"dest": "payment"`)
	n.write(doc[9] + "\n")
	n.await(`"dest": "inventory", "body": {"type": "ReleaseReservation", "saga_id": "checkout43", "step": 1, "compensating": true, ` +
		`"reservations": [{"sku": "abc123", "reservation_id": "r1"}], "msg_id": 3}}`)
	n.write(doc[11] + "\n")
	n.await(`{"src": "checkout_orchestrator", "dest": "c1", "body": ` + strings.TrimSuffix(doc[12], "}") + `, "in_reply_to": 2, "msg_id": 4}}`)
	n.closeInput()
	if r := n.end(); r.code != 0 || len(r.stdout) != 5 {
		t.Errorf("exit code %d, told\n%s", r.code, strings.Join(r.stdout, "\n"))
	}
}

// All lines may come at once: replies that are early wait for their commands.
func TestExternalRepliesMayBeEarly(t *testing.T) {
	t.Parallel()
	doc := document000(t)
	r := speak(t, join(doc[6], doc[4], doc[2], doc[0]), "--external-services")
	if end := r.stdout[len(r.stdout)-1]; r.code != 0 || !strings.Contains(end, "checkout_complete") {
		t.Errorf("exit code %d, told\n%s", r.code, strings.Join(r.stdout, "\n"))
	}
}

// A node that does not answer gets the command again, as the same command; a node
// that refuses a command with an error object names it by in_reply_to.
func TestExternalCommandsComeAgain(t *testing.T) {
	t.Parallel()
	n := start(t, "--external-services")
	n.write(join(document(t, "success.in")...))
	first := n.await(`"dest": "inventory"`)
	second := n.await(`"dest": "inventory"`)
	if strings.Replace(first, `"msg_id": 1`, `"msg_id": 2`, 1) != second {
		t.Errorf("first %s\nthen %s", first, second)
	}
	n.write(`{"src":"inventory","dest":"checkout_orchestrator","body":{"type":"error","code":"invalid_field","message":"no","in_reply_to":2}}` + "\n")
	n.await(`"type": "ReleaseReservation"`)
	n.write(`{"type":"ReleaseReservation_ok","saga_id":"checkout42","step":1}` + "\n")
	n.await(`"checkout_failed"`)
	n.closeInput()
	if r := n.end(); r.code != 0 {
		t.Errorf("exit code %d: %s", r.code, strings.Join(r.stderr, "\n"))
	}
}

// Steps of the client's own go to the nodes as well, if they are theirs (N0-1).
func TestExternalServicesOfSteps(t *testing.T) {
	t.Parallel()
	n := start(t, "--external-services")
	n.write(join(document(t, "saga-begin.in")...))
	n.await(`"dest": "inventory", "body": {"type": "ReserveInventory", "saga_id": "saga42", "step": 1, "items": [{"quantity": 1, "sku": "abc123"}]`)
	n.write(`{"type":"ReserveInventory_failed","saga_id":"saga42","step":1,"error":"out_of_stock","unavailable":["abc123"]}` + "\n")
	n.await(`"step_failed"`)
	n.await(`{"type": "saga_aborted", "saga_id": "saga42", "status": "aborted", "reason": "Step 1 failed: out_of_stock"`)
	n.closeInput()
	if r := n.end(); r.code != 0 {
		t.Errorf("exit code %d: %s", r.code, strings.Join(r.stderr, "\n"))
	}
}

// S4-09, S4-11: a node may take a command in and tell the result later, as one more
// line; it goes to where the orchestrator awaits it.
func TestExternalResultsMayComeLater(t *testing.T) {
	t.Parallel()
	server := workertest.Server(t)
	nc := server.Connect(t)
	n := start(t, "--external-services", "--nats", nc.ConnectedUrl())
	n.write(`{"type":"init"}` + "\n")
	n.await("init_ok")
	id, err := protocol.ParseSagaID("s1")
	if err != nil {
		t.Fatal(err)
	}
	results, err := nc.SubscribeSync(protocol.SubjectCallback(id, 2, "token"))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := nc.SubscribeSync(nc.NewInbox())
	if err != nil {
		t.Fatal(err)
	}
	command := &nats.Msg{
		Subject: protocol.SubjectRequestPayment, Reply: answer.Subject, Header: nats.Header{protocol.HeaderCallback: {results.Subject}},
		Data: []byte(`{"type":"RequestPayment","saga_id":"s1","step":2,"user_id":"u42","amount":1}`),
	}
	if err := nc.PublishMsg(command); err != nil {
		t.Fatal(err)
	}
	n.await(`"dest": "payment", "body": {"type": "RequestPayment"`)
	n.write(`{"type":"RequestPayment_pending","saga_id":"s1","step":2,"request_id":"q1"}` + "\n")
	if m, err := answer.NextMsg(tolerated); err != nil || !strings.Contains(string(m.Data), "q1") {
		t.Fatal(m, err)
	}
	n.write(`{"type":"RequestPayment_ok","saga_id":"s1","step":2,"payment_id":"p1","transaction_id":"t1"}` + "\n")
	m, err := results.NextMsg(tolerated)
	if err != nil || !strings.Contains(string(m.Data), `"payment_id":"p1"`) {
		t.Fatal(m, err)
	}
	if err := m.Respond([]byte(`{"type":"callback_accepted","saga_id":"s1","step":2,"effect":"taken"}`)); err != nil {
		t.Fatal(err)
	}
	n.closeInput()
	if r := n.end(); r.code != 0 {
		t.Errorf("exit code %d: %s", r.code, strings.Join(r.stderr, "\n"))
	}
}
