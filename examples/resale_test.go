package examples_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"amends/conformance"
	"amends/worker/workertest"

	"github.com/nats-io/nats.go"
)

// A saga of somebody else: one definition, and one worker in Python. Nothing of it
// is built into the program (S4-06, X17).

// boxOffice is the worker, with its database.
type boxOffice struct {
	*process
	interpreter, database, url string
}

func openBoxOffice(t *testing.T, url string) *boxOffice {
	t.Helper()
	b := &boxOffice{interpreter: python(t), database: filepath.Join(t.TempDir(), "box_office.db"), url: url}
	b.open(t)
	return b
}

// open starts it, with what it remembers.
func (b *boxOffice) open(t *testing.T) {
	t.Helper()
	b.process = start(t, nil, b.interpreter, "resale/box_office.py", b.url, b.database)
	b.await(t, "ready")
}

// asks reads one value out of its database.
func (b *boxOffice) asks(t *testing.T, question string) string {
	t.Helper()
	const program = "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute(sys.argv[2]).fetchall())"
	out, err := exec.Command(b.interpreter, "-c", program, b.database, question).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v %s", question, err, out)
	}
	return strings.TrimSpace(string(out))
}

// sale is the request for a resale.
func sale(id, ticket, seller, buyer string) string {
	return fmt.Sprintf(`{"definition":"resale","saga_id":"%s","user_id":"%s","seller":"%s","ticket":"%s","amount":80.00}`, id, buyer, seller, ticket)
}

type ended struct{ Status, Reason string }

// overHTTP starts a saga and waits for its end.
func overHTTP(t *testing.T, base, body string) (e ended) {
	t.Helper()
	response, err := http.Post(base+"/v1/checkouts?wait=30s", "application/json", strings.NewReader(body))
	must(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	must(t, err)
	if json.Unmarshal(text, &e) != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s is answered %d %s", body, response.StatusCode, text)
	}
	return e
}

func auditPasses(t *testing.T, url string) {
	t.Helper()
	if out, err := exec.Command(filepath.Join(tools, "amends"), "audit", "--nats", url).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// The worker conforms, also as to what it says of a payout that nobody heard of, and
// also when it is killed.
func TestTheBoxOfficeConforms(t *testing.T) {
	profileText, err := os.ReadFile("resale/resale.yaml")
	must(t, err)
	profile, err := conformance.Read("resale.yaml", profileText)
	must(t, err)
	nc := workertest.Server(t).Connect(t)
	b := openBoxOffice(t, nc.ConnectedUrl())
	ctx, cancel := context.WithTimeout(t.Context(), tolerated)
	defer cancel()
	report, err := conformance.Run(ctx, conformance.Config{Conn: nc, Profile: profile, Restart: func(context.Context) error {
		b.kill()
		b.open(t)
		return nil
	}})
	must(t, err)
	for _, c := range report.Clauses {
		notOfIt := slices.Contains([]string{"C24", "C25", "C26", "C27", "C28", "C29"}, c.ID)
		if c.Status != conformance.Pass && (!notOfIt || c.Status != conformance.Skip) {
			t.Errorf("%s %s %s %+v", c.Status, c.ID, c.Detail, c.Exchanges)
		}
	}
	if left := b.asks(t, "SELECT * FROM payouts"); len(report.Left) > 0 || left != "[]" {
		t.Errorf("left %v, %s", report.Left, left)
	}
}

// A ticket is sold, or everything is as it was: whichever step says no.
func TestAResale(t *testing.T) {
	url, web := serveWith(t, "nats://127.0.0.1:0", "resale/definitions")
	b := openBoxOffice(t, url)
	for _, c := range []struct {
		body, status, reason string
	}{
		{sale("s1", "A7", "sam", "u42"), "COMPLETED", ""},
		{sale("s2", "A7", "sam", "u42"), "ABORTED", "Not for sale: not_the_owner"},
		{sale("s3", "Z9", "sam", "u42"), "ABORTED", "Not for sale: no_such_ticket"},
		{sale("s4", "A8", "sam", "u999"), "ABORTED", "Payment declined: DECLINED"},
		{sale("s5", "B1", "ghost", "u42"), "ABORTED", "The seller cannot be paid: no_bank_account"},
	} {
		if e := overHTTP(t, web, c.body); e.Status != c.status || e.Reason != c.reason {
			t.Errorf("%s ended %+v", c.body, e)
		}
	}
	const tickets = "[('A7', 'u42', None), ('A8', 'sam', None), ('B1', 'ghost', None)]"
	if got := b.asks(t, "SELECT * FROM tickets ORDER BY ticket"); got != tickets {
		t.Errorf("the tickets are %s", got)
	}
	if got := b.asks(t, "SELECT * FROM payouts"); got != "[('s1.3', 'sam', '80.00')]" {
		t.Errorf("the payouts are %s", got)
	}
	nc, err := nats.Connect(url)
	must(t, err)
	defer nc.Close()
	paid, err := nc.Request("payment.get", []byte(`{"saga_id":"s5","step":2}`), tolerated)
	must(t, err)
	if !bytes.Contains(paid.Data, []byte(`"refunded"`)) {
		t.Errorf("the buyer of s5 has %s", paid.Data)
	}
	order, err := nc.Request("order.get", []byte(`{"saga_id":"s1"}`), tolerated)
	must(t, err)
	if !bytes.Contains(order.Data, []byte(`"status":"SOLD"`)) {
		t.Errorf("the order is %s", order.Data)
	}
	auditPasses(t, url)
}

// The worker is killed in the middle, wherever that is: after the hold, after the
// charge, after the payout. The saga waits for it, and ends as it should, with one
// payout.
func TestTheBoxOfficeIsKilled(t *testing.T) {
	url, _ := serveWith(t, "nats://127.0.0.1:0", "resale/definitions")
	b := openBoxOffice(t, url)
	nc, err := nats.Connect(url)
	must(t, err)
	defer nc.Close()
	for n, c := range []struct{ ticket, seller, buyer, status string }{
		{"A7", "sam", "u42", "COMPLETED"}, {"A8", "sam", "u42", "COMPLETED"}, {"A7", "u42", "u43", "COMPLETED"}, {"B1", "ghost", "u42", "ABORTED"},
	} {
		id := fmt.Sprintf("killed%d", n+1)
		told, err := nc.SubscribeSync("checkout.events." + id)
		must(t, err)
		body := strings.Replace(sale(id, c.ticket, c.seller, c.buyer), "{", `{"wait_ms":0,`, 1)
		answer, err := nc.Request("checkout.start", []byte(body), tolerated)
		must(t, err)
		if !bytes.Contains(answer.Data, []byte("checkout_accepted")) {
			t.Fatalf("answered %s", answer.Data)
		}
		for seen := 0; seen < n+2 && seen < 4; seen++ { // StepAccepted of more and more steps
			_, err := told.NextMsg(tolerated)
			must(t, err)
		}
		b.kill()
		b.open(t)
		if got := settled(t, nc, id); got != c.status {
			t.Errorf("%s, killed after %d events, ended %s", id, n+2, got)
		}
	}
	const tickets = "[('A7', 'u43', None), ('A8', 'u42', None), ('B1', 'ghost', None)]"
	if got := b.asks(t, "SELECT * FROM tickets ORDER BY ticket"); got != tickets {
		t.Errorf("the tickets are %s", got)
	}
	const payouts = "[('killed1.3', 'sam'), ('killed2.3', 'sam'), ('killed3.3', 'u42')]"
	if got := b.asks(t, "SELECT step, seller FROM payouts ORDER BY step"); got != payouts {
		t.Errorf("the payouts are %s", got)
	}
	auditPasses(t, url)
}

// settled waits for the end of a saga.
func settled(t *testing.T, nc *nats.Conn, id string) string {
	t.Helper()
	for late := time.Now().Add(tolerated); ; {
		m, err := nc.Request("checkout.status", []byte(`{"saga_id":"`+id+`"}`), tolerated)
		must(t, err)
		var e ended
		must(t, json.Unmarshal(m.Data, &e))
		if e.Status != "PENDING" && e.Status != "COMPENSATING" {
			return e.Status
		}
		if time.Now().After(late) {
			t.Fatalf("%s does not end: %s", id, m.Data)
		}
		<-time.After(20 * time.Millisecond)
	}
}
