package planfile_test

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"amends/faults"
	"amends/faults/planfile"
)

const good = `name: bad-day
seed: 7
rules:
  - name: lost-charges
    fault: drop-reply
    service: payment
    type: ChargePayment
    step: 2
    direction: action
    attempts: 1-3
    probability: 0.25
  - name: late
    fault: delay-command
    delay: 1500ms
    attempts: 2
  - {name: busy, fault: refuse, error: busy, retryable: true, retry_after: 2s}
`

func TestAPlanIsReadAsItIsWritten(t *testing.T) {
	plan, err := planfile.Parse("p.yaml", []byte(good))
	if err != nil {
		t.Fatal(err)
	}
	seven := uint64(7)
	want := &faults.Plan{Name: "bad-day", Seed: &seven, Rules: []faults.Rule{
		{
			Name: "lost-charges", Fault: faults.DropReply, Service: "payment", Type: "ChargePayment", Step: 2,
			Direction: faults.Action, Attempts: faults.Attempts{First: 1, Last: 3}, Probability: 0.25,
		},
		{Name: "late", Fault: faults.DelayCommand, Delay: 1500 * time.Millisecond, Attempts: faults.Attempts{First: 2, Last: 2}, Probability: 1},
		{Name: "busy", Fault: faults.Refuse, Error: "busy", Retryable: true, RetryAfter: 2 * time.Second, Probability: 1},
	}}
	if !reflect.DeepEqual(plan, want) {
		t.Errorf("got  %+v\nwant %+v", plan, want)
	}
}

// A mistake is told with its place, its field, and what would be right.
func TestMistakesAreTold(t *testing.T) {
	for _, c := range []struct{ name, old, new, want string }{
		{"unknown kind", "fault: drop-reply", "fault: drop",
			"p.yaml:5:12: rules[0].fault must be drop-command, drop-reply, delay-command, delay-reply, duplicate-command, duplicate-reply, refuse, crash-before or crash-after"},
		{"no kind", "    fault: drop-reply\n", "", "p.yaml:4:5: rules[0].fault must be drop-command"},
		{"unknown field", "service: payment", "servise: payment",
			"p.yaml:6:5: rules[0].servise is no field; there are name, fault, service, type, step, direction, attempts, probability, delay, error, retryable, retry_after"},
		{"unknown field of the plan", "seed: 7", "sead: 7", "p.yaml:2:1: sead is no field; there are name, seed, rules"},
		{"a field twice", "step: 2", "step: 2\n    step: 3", `p.yaml:9:5: mapping key "step" already defined`},
		{"a seed that is none", "seed: 7", "seed: -7", "p.yaml:2:7: seed must be a whole number from 0"},
		{"too probable", "probability: 0.25", "probability: 1.5", "p.yaml:11:18: rules[0].probability must be from 0 to 1"},
		{"improbable", "probability: 0.25", "probability: NaN", "p.yaml:11:18: rules[0].probability must be from 0 to 1"},
		{"probably", "probability: 0.25", "probability: often", "p.yaml:11:18: rules[0].probability must be from 0 to 1"},
		{"step 0", "step: 2", "step: 0", "p.yaml:8:11: rules[0].step must be 1 to 64"},
		{"step 65", "step: 2", "step: 65", "p.yaml:8:11: rules[0].step must be 1 to 64"},
		{"step of a name", "step: 2", "step: charge", "p.yaml:8:11: rules[0].step must be a number"},
		{"unknown direction", "direction: action", "direction: do", "p.yaml:9:16: rules[0].direction must be action, compensation or question"},
		{"no attempt", "attempts: 1-3", "attempts: 0", "p.yaml:10:15: rules[0].attempts must be a number from 1 to 1000, or two such as 1-3"},
		{"attempts backwards", "attempts: 1-3", "attempts: 3-1", "p.yaml:10:15: rules[0].attempts must be a number from 1 to 1000, or two such as 1-3"},
		{"too many attempts", "attempts: 1-3", "attempts: 1-1001", "rules[0].attempts must be a number from 1 to 1000"},
		{"no delay", "    delay: 1500ms\n", "", "p.yaml:12:5: rules[1].delay is required: how much later it comes, such as 300ms"},
		{"a delay without unit", "delay: 1500ms", "delay: 1500", "p.yaml:14:12: rules[1].delay must be a time such as 300ms or 2s"},
		{"a long delay", "delay: 1500ms", "delay: 1h", "p.yaml:14:12: rules[1].delay must be more than 0 and at most 1m0s"},
		{"a delay of nothing", "step: 2", "delay: 1s", "p.yaml:8:12: rules[0].delay belongs to delay-command, delay-reply, duplicate-command or duplicate-reply"},
		{"a code of nothing", "step: 2", "error: busy", "p.yaml:8:12: rules[0].error belongs to refuse"},
		{"a pause before never", "retryable: true", "retryable: false", "p.yaml:16:77: rules[2].retry_after needs retryable: true"},
		{"perhaps", "retryable: true", "retryable: perhaps", "p.yaml:16:57: rules[2].retryable must be true or false"},
		{"a name of two words", "name: late", "name: too late", "p.yaml:12:11: rules[1].name must be 1 to 64 letters, digits, _ or -"},
		{"a name twice", "name: late", "name: lost-charges", "p.yaml:12:11: rules[1].name is that of an earlier rule"},
		{"no name", "name: bad-day\n", "", "p.yaml:1:1: name must be 1 to 64 letters"},
		{"a question to a worker's ledger", "direction: action", "direction: question", ""},
		{"a list for a text", "service: payment", "service: [payment]", "p.yaml:6:14: rules[0].service must be a plain text or number"},
		{"an anchor", "service: payment", "service: &p payment", "rules[0].service must be a plain text or number"},
		{"no YAML", "seed: 7", "seed: [", "p.yaml:"},
		{"two plans", "seed: 7", "seed: 7\n---\nname: again", "p.yaml:1:1: must hold one plan"},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := strings.Replace(good, c.old, c.new, 1)
			if text == good {
				t.Fatalf("%q is not in the plan", c.old)
			}
			_, err := planfile.Parse("p.yaml", []byte(text))
			if c.want == "" {
				if err != nil {
					t.Errorf("got %v", err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestPlansThatAreNone(t *testing.T) {
	many := "name: many\nrules:\n" + strings.Repeat("  - {name: a, fault: refuse}\n", faults.MaxRules+1)
	for name, c := range map[string]struct{ text, want string }{
		"nothing":              {"", "p.yaml:1:1: must hold one plan"},
		"a comment":            {"# nothing\n", "p.yaml:1:1: must hold one plan"},
		"a word":               {"chaos\n", "p.yaml:1:1: must be a mapping of name, seed, rules"},
		"no rules":             {"name: a\n", "p.yaml:1:1: rules must hold at least one rule"},
		"rules that are none":  {"name: a\nrules: none\n", "p.yaml:2:8: rules must be a list"},
		"a rule that is none":  {"name: a\nrules:\n  - drop\n", "p.yaml:3:5: must be a mapping of name, fault"},
		"too many rules":       {many, "rules must not hold more than 100 rules"},
		"too long":             {"name: a #" + strings.Repeat("a", planfile.MaxBytes), "p.yaml:1:1: is longer than 65536 bytes"},
		"a worker's questions": {"name: a\nrules:\n  - {name: b, fault: crash-after, direction: question}\n", "rules[0].direction must be action or compensation"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := planfile.Parse("p.yaml", []byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

// Whatever comes, it is a plan or a mistake, and nothing panics.
func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte("name: *a\nrules: &a [*a]\n<<: x"))
	f.Fuzz(func(t *testing.T, text []byte) {
		plan, err := planfile.Parse("p.yaml", text)
		if err == nil && len(plan.Check()) > 0 {
			t.Errorf("taken, and wrong: %v", plan.Check())
		}
	})
}

// The examples are plans.
func TestExamples(t *testing.T) {
	files, err := filepath.Glob("../../examples/plans/*.yaml")
	if err != nil || len(files) < 3 {
		t.Fatalf("found %v: %v", files, err)
	}
	for _, file := range files {
		plan, _, err := planfile.Load(file)
		if err != nil {
			t.Error(err)
			continue
		}
		if name := strings.TrimSuffix(filepath.Base(file), ".yaml"); plan.Name != name {
			t.Errorf("%s holds the plan %q", file, plan.Name)
		}
	}
	if _, _, err := planfile.Load("nowhere.yaml"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}
