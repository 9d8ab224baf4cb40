package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"amends/audit"
	"amends/definitions"
	"amends/embedded"
	"amends/protocol"

	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"
)

// audited is a whole system with definitions of its own, and a client of it.
type audited struct {
	*testing.T
	app  *embedded.App
	nc   *nats.Conn
	data string // the folder of its store
}

func newAudited(t *testing.T) *audited {
	t.Helper()
	defs, err := definitions.Load(os.DirFS("testdata/audit"))
	if err != nil {
		t.Fatal(err)
	}
	more, err := definitions.Load(os.DirFS("testdata/definitions"))
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(defs, more)
	data := filepath.Join(t.TempDir(), "nats")
	app := embedded.New(embedded.Config{
		Server: &embedded.ServerConfig{
			Data: data, Listen: "127.0.0.1:0", Durability: embedded.Interval, Log: zerolog.Nop(),
		},
		Definitions: defs, Development: true, Log: zerolog.Nop(),
	})
	if err := app.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = app.Stop(t.Context()) })
	t.Setenv("NATS_URL", app.URL())
	nc, err := app.Conn(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	return &audited{T: t, app: app, nc: nc, data: data}
}

// way is one checkout and how it must end.
type way struct {
	definition, user, address string
	sku                       string // "" is the two lines of document 000
	want                      string // status
}

// waysOfAll are all ways of all shipped definitions, and of one that takes the
// money in two parts.
func waysOfAll() map[string]way {
	const done, gone, halted = protocol.StatusCompleted, protocol.StatusAborted, protocol.StatusStuck
	all := map[string]way{}
	for _, def := range []string{"checkout", "fulfillment", "payment-first", "cart", "ticket", "parts"} {
		all[def+"-done"] = way{def, "u42", "123 Main St", "abc123", done}
		all[def+"-declined"] = way{def, "u999", "123 Main St", "abc123", gone}
		all[def+"-sold-out"] = way{def, "u42", "123 Main St", "product4", gone}
	}
	for _, def := range []string{"checkout", "fulfillment", "payment-first", "cart", "ticket"} {
		all[def+"-again"] = way{def, "u980", "123 Main St", "abc123", done}     // a technical error, then it pays
		all[def+"-silence"] = way{def, "u970-1", "123 Main St", "abc123", done} // paid, and no answer
		all[def+"-later"] = way{def, "u960-200", "123 Main St", "abc123", done} // decided after a while
	}
	for _, def := range []string{"checkout", "fulfillment", "payment-first", "parts"} {
		all[def+"-unsent"] = way{def, "u42", "undeliverable", "abc123", gone}
		all[def+"-refund-again"] = way{def, "u950", "undeliverable", "abc123", gone}
		all[def+"-no-refund"] = way{def, "u951", "undeliverable", "abc123", halted}
	}
	all["ticket-declined-later"] = way{"ticket", "u961-100", "", "abc123", gone}
	all["parts-unknown"] = way{"parts", "u962", "123 Main St", "abc123", gone}      // never decided: given up
	all["parts-lapsed"] = way{"parts", "u940-1", "123 Main St", "abc123", gone}     // too late to capture
	all["parts-too-late"] = way{"parts", "u960-600", "123 Main St", "abc123", gone} // set aside after it was given up
	return all
}

// TestAuditOfEveryWay runs every way of every definition, and the acts of people,
// on a whole system: the audit of a sound system finds nothing, while they run and
// afterwards (I1 to I12, D3, D5, D9, D10, D19, D21).
func TestAuditOfEveryWay(t *testing.T) {
	s := newAudited(t)
	newBank(t, s.nc.ConnectedUrl())
	all := waysOfAll()
	var running sync.WaitGroup
	for id, sc := range all {
		running.Go(func() { s.play(id, sc) })
	}
	over := make(chan struct{})
	go func() { running.Wait(); close(over) }()
	for busy := true; busy; {
		select {
		case <-over:
			busy = false
		default:
		}
		s.isClean()
	}
	s.act()
	r := s.isClean()
	if r.Effects.Authorizations == 0 || r.Sagas.Killed != 1 || r.Sagas.ByHand != 1 || r.Sagas.Unprovable != 0 || r.Sagas.Total < len(all) {
		t.Errorf("sagas %+v, effects %+v", r.Sagas, r.Effects)
	}
}

// play starts a checkout and waits for how it ends.
func (s *audited) play(id string, sc way) {
	s.Helper()
	items := fmt.Sprintf(`{"sku":%q,"quantity":2}`, sc.sku)
	if sc.sku == "" {
		items = `{"sku":"abc123","quantity":2},{"sku":"xyz789","quantity":1}`
	}
	request := fmt.Appendf(nil, `{"saga_id":%q,"definition":%q,"user_id":%q,"items":[%s],"shipping_address":%q,"wait_ms":0`,
		id, sc.definition, sc.user, items, sc.address)
	if slices.Contains([]string{"fulfillment", "payment-first", "ticket"}, sc.definition) { // the client says the price
		request = append(request, `,"amount":200.00,"currency":"USD"`...)
	}
	request = append(request, '}')
	m, err := s.nc.Request(protocol.SubjectStart, request, patience)
	if err != nil || strings.Contains(string(m.Data), `"type":"error"`) {
		s.Errorf("%s is not taken: %v %+v", id, err, m)
		return
	}
	s.until(id, sc.want)
}

// until waits until a checkout has a status.
func (s *audited) until(id, want string) {
	s.Helper()
	late := time.NewTimer(3 * patience)
	defer late.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	var status protocol.Status
	for {
		m, err := s.nc.Request(protocol.SubjectStatus, fmt.Appendf(nil, `{"saga_id":%q}`, id), patience)
		if err == nil && json.Unmarshal(m.Data, &status) == nil && status.Status == want {
			return
		}
		select {
		case <-tick.C:
		case <-late.C:
			s.Errorf("%s is not %s: %s", id, want, m.Data)
			return
		}
	}
}

// act has people cancel, kill, skip, retry and settle.
func (s *audited) act() {
	s.Helper()
	s.play("k1", way{"bank", "u42", "123 Main St", "abc123", protocol.StatusPending})
	s.play("k2", way{"bank", "u42", "123 Main St", "abc123", protocol.StatusPending})
	for _, c := range []string{
		"checkout cancel k1 --by ann --reason r", "checkout cancel k2 --kill --by ann --reason r",
		"checkout resolve checkout-no-refund --step 2 --as done --evidence e --by ann --reason r",
	} {
		if out, code := amends(s.T, strings.Fields(c)...); code != int(exitOK) {
			s.Errorf("amends %s: exit code %d\n%s", c, code, out)
		}
	}
}

// isClean audits by the command line.
func (s *audited) isClean() *audit.Report {
	s.Helper()
	out, code := amends(s.T, "audit", "--json")
	var r audit.Report
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		s.Fatalf("the audit prints %v: %s", err, out)
	}
	if code != int(exitOK) || !r.OK() {
		for _, f := range r.Findings {
			s.Errorf("%s %s: %s [%s]", f.Invariant, f.SagaID, f.What, f.Evidence)
		}
		s.FailNow()
	}
	return &r
}
