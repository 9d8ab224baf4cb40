package chaos_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"amends/protocol"

	"github.com/nats-io/nats.go"
)

// The five source documents, against the program itself. This file is what their
// tests share: to say what a client says, over NATS and over HTTP, and to listen
// to what goes between the orchestrator and the participants.

// word is a command or a reply, as it goes over the wire.
type word struct {
	Type          string                 `json:"type"`
	SagaID        string                 `json:"saga_id"`
	Step          int                    `json:"step"`
	Compensating  bool                   `json:"compensating"`
	Items         []protocol.Line        `json:"items"`
	Reservations  []protocol.Reservation `json:"reservations"`
	UserID        string                 `json:"user_id"`
	Amount        json.Number            `json:"amount"`
	Address       string                 `json:"address"`
	PaymentID     string                 `json:"payment_id"`
	TransactionID string                 `json:"transaction_id"`
	ShipmentID    string                 `json:"shipment_id"`
	Tracking      string                 `json:"tracking_number"`
	Error         string                 `json:"error"`
	DeclineCode   string                 `json:"decline_code"`
}

// ear listens to the commands and replies of all sagas, in their order.
type ear struct {
	mu    sync.Mutex
	heard map[string][]word // by saga
}

// overheard are the commands that an ear listens to, and all replies. It names
// them one by one: an ear on a subject without a worker would be taken for one.
var overheard = []string{
	protocol.SubjectReserve, protocol.SubjectRelease, protocol.SubjectCharge, protocol.SubjectRequestPayment, protocol.SubjectRefund,
	protocol.SubjectCreateShipment, protocol.SubjectCancelShipment, nats.InboxPrefix + ">",
}

// listen opens an ear. One channel for all subjects keeps their words in order.
func listen(t *testing.T, nc *nats.Conn) *ear {
	t.Helper()
	e := &ear{heard: make(map[string][]word)}
	messages := make(chan *nats.Msg, 1024)
	for _, subject := range overheard {
		if _, err := nc.ChanSubscribe(subject, messages); err != nil {
			t.Fatal(err)
		}
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			select {
			case m := <-messages:
				e.hear(m)
			case <-t.Context().Done():
				return
			}
		}
	}()
	return e
}

// hear keeps what is said of a step. The answers to clients name no step, and the
// rows of participants are no commands: their types begin small.
func (e *ear) hear(m *nats.Msg) {
	var w word
	if json.Unmarshal(m.Data, &w) != nil || w.Step == 0 || w.Type == "" || w.Type[0] < 'A' || w.Type[0] > 'Z' {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.heard[w.SagaID] = append(e.heard[w.SagaID], w)
}

// of is what was said of a saga so far.
func (e *ear) of(sagaID string) []word {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]word(nil), e.heard[sagaID]...)
}

// types are the types of words, each with the number of its step.
func types(words []word) (out []string) {
	for _, w := range words {
		out = append(out, fmt.Sprintf("%s %d", w.Type, w.Step))
	}
	return out
}

// expect holds the types and steps of all words of a saga against what they should
// be, and returns the words.
func (e *ear) expect(t *testing.T, sagaID string, want ...string) []word {
	t.Helper()
	// The answer to the client and the words travel different ways to this test.
	eventually(t, "as many words of "+sagaID+" as are expected", slowly, func() bool { return len(e.of(sagaID)) >= len(want) })
	words := e.of(sagaID)
	if got := strings.Join(types(words), "\n"); got != strings.Join(want, "\n") {
		t.Fatalf("the words of %s are\n%s\nwant\n%s", sagaID, got, strings.Join(want, "\n"))
	}
	return words
}

// levelOf asks how much there is of a product.
func levelOf(t *testing.T, nc *nats.Conn, sku string) protocol.StockLevel {
	t.Helper()
	var level protocol.StockLevel
	if err := json.Unmarshal([]byte(stockOf(t, nc, sku)), &level); err != nil || level.Type != protocol.TypeStock {
		t.Fatalf("the stock of %s is answered %+v: %v", sku, level, err)
	}
	return level
}

// row asks a participant for what it holds for one step.
func row(t *testing.T, nc *nats.Conn, subject, sagaID string, step int) (r struct{ Type, Status, Code string }) {
	t.Helper()
	reply, err := nc.Request(subject, fmt.Appendf(nil, `{"saga_id":%q,"step":%d}`, sagaID, step), slowly)
	if err == nil {
		err = json.Unmarshal(reply.Data, &r)
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// ended waits until a saga has come to its end, and returns it.
func ended(t *testing.T, nc *nats.Conn, sagaID string) (a answer) {
	t.Helper()
	eventually(t, "saga "+sagaID+" has ended", slowly, func() bool {
		a = status(t, nc, sagaID)
		return a.Status == protocol.StatusCompleted || a.Status == protocol.StatusAborted
	})
	return a
}

// web is a client of the HTTP gateway.
type web struct {
	t    *testing.T
	base string
}

// webSite starts the whole system in one process, with HTTP.
func webSite(t *testing.T, s *site, flags ...string) web {
	t.Helper()
	listen := net.JoinHostPort("127.0.0.1", strconv.Itoa(freePort(t)))
	args := []string{roleServe, "--nats-listen", s.listen, "--data", s.data, "--durability", s.durability, "--http-listen", listen}
	spawn(t, roleServe, append(args, flags...)...).ready()
	return web{t, "http://" + listen}
}

// call sends a request as curl would, and decodes the answer.
func (w web) call(method, path, body string, answer any) int {
	w.t.Helper()
	request, err := http.NewRequest(method, w.base+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	client := http.Client{Timeout: time.Minute}
	response, err := client.Do(request)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && answer != nil {
		err = json.Unmarshal(text, answer)
	}
	if err != nil {
		w.t.Fatalf("%s %s is answered %d %s: %v", method, path, response.StatusCode, text, err)
	}
	return response.StatusCode
}
