package definitions_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"amends/definitions"
	"amends/saga"
)

// S0-02 … S0-05: three steps in this order, each with its compensation.
func TestShippedCheckoutIsThatOfDocument000(t *testing.T) {
	all, err := definitions.Shipped()
	if err != nil {
		t.Fatal(err)
	}
	want := [][2]string{
		{"ReserveInventory", "ReleaseReservation"},
		{"ChargePayment", "RefundPayment"},
		{"CreateShipment", "CancelShipment"},
	}
	steps := all["checkout"].Steps
	if len(steps) != len(want) {
		t.Fatalf("checkout has %d steps, want %d", len(steps), len(want))
	}
	for n, step := range steps {
		if got := [2]string{step.Action.Type, step.Compensation.Type}; got != want[n] {
			t.Errorf("step %d is %v, want %v", n+1, got, want[n])
		}
		if step.Kind != saga.Compensatable {
			t.Errorf("step %d is %s, want compensatable", n+1, step.Kind)
		}
	}
}

// The order of the fields is the order of document 000 (S0-09).
func TestSendKeepsTheWrittenOrder(t *testing.T) {
	all, err := definitions.Shipped()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range all["checkout"].Steps[1].Action.Send {
		names = append(names, f.Name)
	}
	if got := strings.Join(names, " "); got != "user_id amount currency" {
		t.Errorf("ChargePayment sends %q", got)
	}
}

func TestFaultsNameTheirPlace(t *testing.T) {
	good, err := os.ReadFile(filepath.Join("checkout.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, old, new, want string }{
		{"unknown field", "deadline: 10m", "dedline: 10m", `d.yaml:7:1: unknown field "dedline"`},
		{"no YAML", "steps:", "steps: [", "d.yaml:"},
		{"bad duration", "timeout: 2s", "timeout: two", `d.yaml:20:16: steps[0].action.timeout "two" is no duration; write 100ms, 2s or 10m`},
		{"no unit", "deadline: 10m", "deadline: 10", `d.yaml:7:11: deadline "10" is no duration`},
		{"two bad durations", "initial: 100ms, max: 5s", "initial: 1, max: 5", `steps[0].action.retry.initial "1" is no duration`},
		{"unknown kind", "kind: compensatable", "kind: optional", "d.yaml:12:11: steps[0].kind must be compensatable, pivot or retriable"},
		{"no compensation", "      type: ReleaseReservation\n", "", "d.yaml:23:14: steps[0].compensation is required"},
		{"source of no step", "reservations: reserve.reservations", "reservations: charge.reservations", "steps[0].compensation.send.reservations comes from"},
		{"wildcard subject", "subject: inventory.reserve", "subject: inventory.*", "steps[0].action.subject must be a NATS subject"},
		{"a subject of the client API", "subject: inventory.reserve", "subject: checkout.start", `d.yaml:16:16: steps[0].action.subject must not begin with "checkout"`},
		{"no attempts", "attempts: 6", "attempts: 0", "steps[0].action.retry.attempts must be 1 to 100"},
		{"two spellings", "name: checkout", "name: checkout\nname: again", "d.yaml:7:1: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := strings.Replace(string(good), c.old, c.new, 1)
			if text == string(good) {
				t.Fatalf("%q is not in the file", c.old)
			}
			_, err := definitions.Parse("d.yaml", []byte(text))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestTwoDefinitionsOfOneNameAreRefused(t *testing.T) {
	text, err := os.ReadFile("checkout.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, err = definitions.Load(fstest.MapFS{"a.yaml": {Data: text}, "b.yaml": {Data: text}})
	if err == nil || !strings.Contains(err.Error(), `b.yaml: there is another definition named "checkout", in a.yaml`) {
		t.Errorf("got %v", err)
	}
}

func TestAFolderOnDisk(t *testing.T) {
	text, err := os.ReadFile("checkout.yaml")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if _, err := definitions.LoadFolder(dir); err == nil || !strings.Contains(err.Error(), dir+" holds no definitions") {
		t.Errorf("an empty folder is answered %v", err)
	}
	file := filepath.Join(dir, "mine.yml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	all, err := definitions.LoadFolder(dir)
	if err != nil || all.Definitions["checkout"] == nil || all.Files["checkout"] != file {
		t.Errorf("got %v from %v: %v", all.Definitions, all.Files, err)
	}
	if err := os.WriteFile(file, []byte("name: no good\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := definitions.LoadFolder(dir); err == nil || !strings.Contains(err.Error(), file+":1:7: name must be 1 to 64") {
		t.Errorf("a mistake is told as %v", err)
	}
}

func TestDurationsAreReadHoweverTheyAreWritten(t *testing.T) {
	text, err := os.ReadFile("checkout.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, written := range []string{`"10m"`, "&long 10m", "!!str 10m", "|\n  10m", "10m # ten", "600s"} {
		def, err := definitions.Parse("d.yaml", []byte(strings.Replace(string(text), "deadline: 10m", "deadline: "+written, 1)))
		if err != nil || def.Deadline != 600_000*saga.Millisecond {
			t.Errorf("deadline: %s is read as %+v, %v", written, def, err)
		}
	}
	aliased := strings.Replace(string(text), "timeout: 2s", "timeout: &short 3s", 1)
	aliased = strings.Replace(aliased, "timeout: 2s", "timeout: *short", 1)
	def, err := definitions.Parse("d.yaml", []byte(aliased))
	if err != nil || def.Steps[0].Compensation.Timeout != 3000*saga.Millisecond {
		t.Errorf("an alias is read as %+v, %v", def, err)
	}
}
