package stdio_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The samples of the documents, byte by byte: the whole of stdout, in the order of
// the events (S0-06 … S0-24, A1, A4, A6, A11, N0-1, N0-4). *.in is what the
// document gives, *.out what has to be printed.
func TestDocuments(t *testing.T) {
	t.Parallel()
	inputs, err := filepath.Glob(filepath.Join("testdata", "*.in"))
	if err != nil || len(inputs) < 10 {
		t.Fatalf("found %v %v", inputs, err)
	}
	for _, path := range inputs {
		name := strings.TrimSuffix(filepath.Base(path), ".in")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := speak(t, join(document(t, name+".in")...))
			same(t, r.stdout, document(t, name+".out"))
			if r.code != 0 || r.took > allowed {
				t.Errorf("exit code %d after %v\n%s", r.code, r.took, strings.Join(r.stderr, "\n"))
			}
		})
	}
}

// S0-21, A1(b): stdout is exactly the expected output of the course; all else is
// on stderr.
func TestInitOnly(t *testing.T) {
	t.Parallel()
	expected, err := os.ReadFile(filepath.Join("testdata", "init-ok.out"))
	if err != nil {
		t.Fatal(err)
	}
	for name, end := range map[string]string{"success": "checkout_complete", "failure": "checkout_failed"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := speak(t, join(document(t, name+".in")...), "--stdout=init-only")
			if got := join(r.stdout...); got != string(expected) || r.code != 0 || r.took > allowed {
				t.Errorf("printed %s exit code %d after %v", got, r.code, r.took)
			}
			if all := document(t, name+".out"); len(r.stderr) > 0 {
				same(t, r.stderr, all[1:])
			} else {
				t.Errorf("nothing on stderr, want %s", end)
			}
		})
	}
}

// A7: the same checkout again has the same answer, and its steps are not done
// twice; other content under its saga_id is refused.
func TestTheSameSagaID(t *testing.T) {
	t.Parallel()
	checkout := document(t, "bare-success.in")[0]
	n := start(t)
	n.write(checkout + "\n")
	first := n.await("checkout_complete")
	n.write(checkout + "\n")
	if again := n.await(`"type"`); again != first {
		t.Errorf("first %s\nthen %s", first, again)
	}
	n.write(strings.Replace(checkout, "123 Main St", "124 Main St", 1) + "\n")
	if conflict := n.await(`"type"`); !strings.Contains(conflict, "saga_id_conflict") {
		t.Errorf("got %s", conflict)
	}
	n.closeInput()
	if r := n.end(); r.code != 0 {
		t.Errorf("exit code %d", r.code)
	}
}

// A10, N0-2: a saga can be asked for; COMPENSATING is seen there only.
func TestStatus(t *testing.T) {
	t.Parallel()
	n := start(t)
	n.write(join(document(t, "failure.in")...))
	n.await("checkout_failed")
	n.write(`{"src":"c1","dest":"checkout_orchestrator","body":{"type":"checkout_status","msg_id":"m1","saga_id":"checkout43"}}` + "\n")
	status := n.await("checkout_status")
	for _, want := range []string{
		`{"src": "checkout_orchestrator", "dest": "c1", "body": {"type": "checkout_status", "saga_id": "checkout43"`,
		`"status": "ABORTED"`, `"transaction": "ReserveInventory"`, `"status": "COMPENSATED"`, `"status": "FAILED"`,
		`"in_reply_to": "m1", "msg_id": 2}}`,
	} {
		if !strings.Contains(status, want) {
			t.Errorf("%s does not hold %s", status, want)
		}
	}
	n.closeInput()
	n.end()
}

// X7: a client that says how long it waits is told that the checkout still runs,
// and then how it ended.
func TestAClientThatDoesNotWait(t *testing.T) {
	t.Parallel()
	r := speak(t, `{"type":"checkout","msg_id":5,"saga_id":"c1","user_id":"u42","items":[{"sku":"abc123","quantity":1}],"shipping_address":"x","wait_ms":0}`+"\n")
	told := strings.Join(r.stdout, "\n")
	accepted := strings.Index(told, `{"type": "checkout_accepted", "saga_id": "c1", "status": "PENDING", "in_reply_to": 5}`)
	if complete := strings.Index(told, `{"type": "checkout_complete", "saga_id": "c1"`); accepted < 0 || complete < accepted {
		t.Errorf("told\n%s", told)
	}
}

// A checkout without a saga_id is given one, and its steps are shown.
func TestASagaIDIsMade(t *testing.T) {
	t.Parallel()
	for _, more := range []string{`"extra":1`, `"extra":1,"saga_id":null,"wait_ms":null`} {
		r := speak(t, `{"type":"checkout","user_id":"u42","items":[{"sku":"abc123","quantity":1}],"shipping_address":"x",`+more+"}\n")
		if len(r.stdout) != 7 || !strings.Contains(r.stdout[6], `"warnings": ["unknown field ignored: extra"]`) {
			t.Errorf("told\n%s", strings.Join(r.stdout, "\n"))
		}
	}
}

// The same saga_id with the same steps is the same saga; with others, or in other
// words, it is another one and refused (A7).
func TestTheSameSagaOfSteps(t *testing.T) {
	t.Parallel()
	n := start(t)
	request := `{"type":"execute","msg_id":1,"saga_id":"s1","steps":["a","b"],"fail_step":"b"}` + "\n"
	n.write(request)
	first := n.await("saga_compensated")
	n.write(request)
	if again := n.await(`"type"`); again != first {
		t.Errorf("first %s\nthen %s", first, again)
	}
	for _, other := range []string{
		`{"type":"execute","saga_id":"s1","steps":["a","c"]}`,
		`{"type":"saga_begin","saga_id":"s1","steps":[{"transaction":"a"},{"transaction":"b"}],"fail_step":"b"}`,
	} {
		n.write(other + "\n")
		if told := n.await(`"type"`); !strings.Contains(told, "saga_id_conflict") {
			t.Errorf("%s is answered %s", other, told)
		}
	}
	n.closeInput()
	n.end()
}
