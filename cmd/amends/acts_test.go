package main

import (
	"encoding/json"
	"io"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"testing"

	"amends/definitions"
	"amends/embedded"
	"amends/protocol"

	"github.com/rs/zerolog"
)

// withBank is a system with a bank beside it, and definitions that go there.
func withBank(t *testing.T) *bank {
	t.Helper()
	defs, err := definitions.Load(os.DirFS("testdata/definitions"))
	if err != nil {
		t.Fatal(err)
	}
	app := embedded.New(embedded.Config{
		Server: &embedded.ServerConfig{
			Data: filepath.Join(t.TempDir(), "nats"), Listen: "127.0.0.1:0", Durability: embedded.Interval, Log: zerolog.Nop(),
		},
		Definitions: defs, Development: true, Log: zerolog.Nop(),
	})
	if err := app.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = app.Stop(t.Context()) })
	t.Setenv("NATS_URL", app.URL())
	return newBank(t, app.URL())
}

// typed is a command line and what it must do.
type typed struct {
	args string // parted by blanks
	code exitCode
	out  string // lines that it must print, in this order; nothing is a wish for nothing
}

// check types it in this process.
func (c typed) check(t *testing.T) {
	t.Helper()
	out, code := amends(t, strings.Fields(c.args)...)
	c.compare(t, out, code)
}

func (c typed) compare(t *testing.T, out string, code int) {
	t.Helper()
	rest := out
	for line := range strings.SplitSeq(c.out, "\n") {
		_, after, found := strings.Cut(rest, line)
		if !found {
			t.Errorf("amends %s does not print %q in its place:\n%s", c.args, line, out)
		}
		rest = after
	}
	if code != int(c.code) {
		t.Errorf("amends %s: exit code %d, want %d\n%s", c.args, code, c.code, out)
	}
}

// begin starts checkouts that come to wait for the bank.
func (b *bank) begin(ids ...string) {
	b.Helper()
	for _, id := range ids {
		typed{"checkout start " + id + " --definition bank --wait 0s", exitRunning, id}.check(b.T)
		b.waits(id)
	}
}

// What stands in no checkout's way is refused before anything is asked.
func TestActsThatAreNotWellFormed(t *testing.T) {
	t.Setenv("NATS_URL", "nats://127.0.0.1:1") // nobody is asked
	for _, c := range []typed{
		{"checkout cancel", exitUsage, ""},
		{"checkout retry --yes", exitUsage, ""},
		{"checkout cancel c1 --status STUCK", exitUsage, ""},
		{"checkout cancel --status STUCKED", exitUsage, ""},
		{"checkout cancel --incident fire", exitUsage, ""},
		{"checkout cancel --older-than soon", exitUsage, ""},
		{"checkout migrate --definition bank --hash abc", exitUsage, ""},
		{"checkout resolve c1 --as done", exitUsage, ""},
		{"checkout resolve c1 --step 2", exitUsage, ""},
		{"checkout resolve c1 --step 2 --as undone", exitUsage, ""},
		{"checkout resolve c1 --step 2 --as done --field shipment_id=s1", exitUsage, ""},
		{"checkout resolve c1 --step 2 --as done --field shipment_id", exitUsage, ""},
		{`checkout resolve c1 --step 2 --as done --field a="1" --field a="2"`, exitUsage, ""},
		{"checkout plan resolve c1", exitUsage, ""},
		{"checkout cancel c1 --kill", exitRefused, ""},                                     // why?
		{"checkout cancel --status STUCK --kill --yes", exitRefused, ""},                   // why?
		{"checkout resolve c1 --step 2 --as done --reason paid", exitRefused, ""},          // what proves it?
		{"checkout resolve c1 --step 0 --as skip --reason paid", exitRefused, ""},          // no such step
		{"checkout resolve c1 --step 2 --as skip --reason a --field b=1", exitRefused, ""}, // what is skipped brings nothing
		{"checkout cancel a.b", exitRefused, ""},
		{"checkout cancel c1 --kill --json", exitRefused, `"code":"missing_field"`},
		{"checkout cancel c1", exitNoNATS, ""},
		{"checkout incidents", exitNoNATS, ""},
		{"checkout definitions", exitNoNATS, ""},
	} {
		c.check(t)
	}
}

// a checkout that is turned back ends ABORTED, and that is what was wanted.
func TestCancelIsAskedFor(t *testing.T) {
	b := withBank(t)
	b.begin("c1", "c2", "c3")
	for _, c := range []typed{
		{"checkout plan cancel c1", exitOK, "c1  PENDING -> ABORTED\n1.  ReturnMoney\nstep 2\n200.00 USD, if it was done\n2.  ReleaseReservation\n200.00 USD would go back"},
		{"checkout plan deadline c1", exitOK, "c1  PENDING -> ABORTED"},
		{"checkout plan kill c1", exitOK, "c1  PENDING -> KILLED\nnothing is sent"},
		{"checkout plan retry c1", exitRefused, "c1  PENDING  refused: "},
		{"checkout plan cancel nothing", exitNotFound, ""},
		{"checkout status c1", exitOK, "waiting for   the result of TakeMoney from bank\nuntil\ndeadline\nTakeMoney\nWAITING    request q-c1"},
		{"checkout cancel c1 --reason mistake", exitOK, "c1  ABORTED  Cancelled"},
		{"checkout cancel c1", exitOK, "c1  ABORTED  Cancelled"}, // it is where it was to be
		{"checkout cancel c2 --kill --reason test", exitOK, "c2  KILLED  Killed: test"},
		{"checkout cancel c2", exitRefused, ""},
		{"checkout cancel c2 --kill --reason test", exitOK, "c2  KILLED  Killed: test"}, // likewise
		{"checkout start c2 --definition bank", exitKilled, "c2  KILLED"},
		{"checkout watch c2", exitKilled, "c2  KILLED"},
		{"checkout status c2", exitOK, "c2  KILLED"},
		{"checkout cancel nothing", exitNotFound, ""},
		{"checkout retry c3", exitRefused, ""}, // it tries by itself
	} {
		c.check(t)
	}
	b.pays("c3")
	typed{"checkout watch c3", exitOK, "c3\nCOMPLETED"}.check(t)
	typed{"checkout cancel c3", exitRefused, ""}.check(t)
}

// X5, R-3: what could not be undone is tried again, or settled by hand.
func TestWhatIsStuckIsSettled(t *testing.T) {
	b := withBank(t)
	b.is(closed)
	b.begin("c1", "c2", "c3")
	for _, c := range []typed{
		{"checkout cancel c1", exitStuck, "c1  STUCK  Cancelled"},
		{"checkout status c1", exitOK, "c1  STUCK\nCOMPENSATION_FAILED  2 to undo  request q-c1  bank_closed\nincident      compensation_failed at step 2, ReturnMoney, 2 attempts\nat risk   200.00 USD\nacts      retry, resolve, kill"},
		{"checkout incidents", exitOK, "c1  compensation_failed at step 2, ReturnMoney, 2 attempts\ncause     ReturnMoney failed: bank_closed\nat risk   200.00 USD\nacts      retry, resolve, kill\n1 incident in 1 checkout; 200.00 USD at risk"},
		{"checkout incidents --incident poison", exitOK, "0 incidents in 0 checkouts; no money at risk"},
		{"checkout cancel c1", exitRefused, ""},
		{"checkout retry c1", exitStuck, "c1  STUCK"},
		{"checkout resolve c1 --step 1 --as skip --reason x", exitRefused, ""},
		{"checkout resolve c1 --step 2 --as done --reason x --evidence transfer", exitOK, "c1  ABORTED  Cancelled"},
		{"checkout cancel c2", exitStuck, "c2  STUCK"},
		{"checkout resolve c2 --step 2 --as skip --reason x", exitOK, "c2  ABORTED"},
		{"checkout status c2", exitOK, "SKIPPED"},
	} {
		c.check(t)
	}
	b.is(silent)
	typed{"checkout cancel c3 --wait 0s", exitRunning, "c3  COMPENSATING"}.check(t)
	typed{"checkout watch c3", exitStuck, "no answer\nSTUCK"}.check(t)
	b.is(open)
	typed{"checkout retry c3", exitOK, "c3  ABORTED  Cancelled"}.check(t)
	typed{"checkout incidents", exitOK, "0 incidents"}.check(t)
}

// D11: after the point of no return the way is forward, if need be by hand.
func TestAStepIsDoneByHand(t *testing.T) {
	b := withBank(t)
	address := "--address=Undeliverable"
	for _, c := range []typed{
		{"checkout start c1 --definition paid " + address, exitStuck, "c1  STUCK  CreateShipment declined: address_undeliverable"},
		{"checkout start c2 --definition paid " + address, exitStuck, "c2  STUCK"},
		{"checkout cancel c1", exitRefused, ""},
		{"checkout resolve c1 --step 2 --as done --reason x --evidence y", exitRefused, ""},
		{`checkout resolve c1 --step 2 --as done --reason x --evidence y --field shipment_id="s,1" --field tracking_number="1Z"`, exitOK, "c1  COMPLETED  order o"},
		{"checkout status c1 --json", exitOK, `"result":{"shipment_id":"s,1","tracking_number":"1Z"}`},
		{"checkout resolve c2 --step 2 --as skip --reason x", exitOK, "c2  COMPLETED"},
	} {
		c.check(t)
	}
	b.until("c1", func(s *protocol.Status) bool { return s.Status == protocol.StatusCompleted })
}

// many are acted on only after it was told what that will do, and nobody but
// those it was told of.
func TestManyAtOnce(t *testing.T) {
	b := withBank(t)
	b.is(closed)
	b.begin("c1", "c2", "c3", "c4")
	b.pays("c1")
	typed{"checkout watch c1", exitOK, "COMPLETED"}.check(t)
	for _, c := range []typed{
		{"checkout cancel --definition nothing --yes", exitOK, "cancel: no checkout matches"},
		{"checkout cancel --definition nothing", exitOK, "cancel: no checkout matches"}, // there is nothing to ask about
		{"checkout retry --status STUCK", exitOK, "retry: no checkout matches"},
		{"checkout cancel --definition bank", exitUsage, "c4  PENDING -> ABORTED\n1.  ReturnMoney\n2.  ReleaseReservation\nc1  COMPLETED  refused: the saga has ended\ncancel would be done to 3 of 4 that match, 1 refused; 600.00 USD would go back"},
		{"checkout list --definition bank --status PENDING --step pay", exitOK, "c4\nc3\nc2"},
		{"checkout cancel --definition bank --limit 2 --yes", exitStuck, "cancel would be done to 2 of 4 that match, 0 refused; 400.00 USD would go back\nc4  STUCK  Cancelled\nc3  STUCK  Cancelled\ncancel: 2 STUCK, 2 beyond --limit"},
		{"checkout retry --incident compensation_failed --yes --json", exitStuck, `"type":"checkout_plan"` + "\n" + `{"saga_id":"c4","exit_code":5` + "\n" + `{"type":"checkout_bulk","act":"retry","counts":{"STUCK":2},"exit_code":5}`},
	} {
		c.check(t)
	}
	b.is(open)
	for _, c := range []typed{
		{"checkout retry --status STUCK --code cancelled --yes", exitOK, "c4  ABORTED  Cancelled\nc3  ABORTED  Cancelled\nretry: 2 ABORTED"},
		{"checkout cancel --definition bank --older-than 1h --yes", exitOK, "no checkout matches"},
		{"checkout cancel --definition bank --older-than 1ms --yes", exitRefused, "c4  refused  the saga has ended: it is ABORTED\nc2  ABORTED  Cancelled\nc1  refused\ncancel: 1 ABORTED, 3 refused"},
		{"checkout cancel --status ABORTED --kill --reason x --yes", exitRefused, "kill: 3 refused"},
	} {
		c.check(t)
	}
}

// Who asked, and why, stands in the journal; the name of the user is the default.
func TestAnActIsSigned(t *testing.T) {
	b := withBank(t)
	b.begin("c1", "c2")
	me, err := user.Current()
	if err != nil {
		t.Skip("there is no user name here")
	}
	events, err := b.nc.SubscribeSync(protocol.SubjectAllEvents)
	if err != nil {
		t.Fatal(err)
	}
	for by, args := range map[string][]string{
		me.Username: {"checkout", "cancel", "c1", "--reason", "the customer called"},
		"ann":       {"checkout", "cancel", "c2", "--reason", "the customer called", "--by", "ann"},
	} {
		if _, code := amends(t, args...); code != int(exitOK) {
			t.Errorf("%v: exit code %d", args, code)
		}
		m, err := events.NextMsg(patience)
		if err != nil {
			t.Fatal(err)
		}
		change, err := parseTransition(m.Data)
		if err != nil || change.Event.By != by || change.Event.Reason != "the customer called" {
			t.Errorf("journalled %+v, %v", change, err)
		}
		if want := "cancelled     by " + by + "  reason: the customer called"; !strings.Contains(change.line(), want) {
			t.Errorf("told as %q", change.line())
		}
		for change.Phase != protocol.StatusAborted {
			if m, err = events.NextMsg(patience); err != nil {
				t.Fatal(err)
			}
			if change, err = parseTransition(m.Data); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// Every line that is printed with --json is JSON.
func TestActsPrintJSON(t *testing.T) {
	b := withBank(t)
	b.is(closed)
	b.begin("c1", "c2")
	for _, args := range []string{
		"checkout plan cancel", "checkout cancel c1", "checkout incidents", "checkout cancel --status PENDING --yes", "checkout retry c1",
		"checkout resolve c1 --step 2 --as skip --reason x", "checkout definitions", "checkout migrate c2", "checkout watch c2", "checkout cancel nothing",
	} {
		out, _ := amends(t, append(strings.Fields(args), "--json")...)
		lines := json.NewDecoder(strings.NewReader(out))
		for n := 0; ; n++ {
			var value map[string]any
			err := lines.Decode(&value)
			if err == io.EOF && n > 0 {
				break
			}
			if err != nil {
				t.Errorf("amends %s --json printed %q: %v", args, out, err)
				break
			}
		}
	}
}
