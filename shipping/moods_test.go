package shipping_test

import (
	"encoding/json"
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"amends/protocol"
	"amends/shipping"
	"amends/worker"
	"amends/worker/workertest"

	"github.com/nats-io/nats.go"
)

// silence is how long nothing must come to call it that.
const silence = 150 * time.Millisecond

// mood is a row of the table in README.md.
type mood struct{ word, label, create, cancel string }

// moods reads the table.
func moods(t *testing.T) (all []mood) {
	t.Helper()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(text), "| word | label | create | cancel |\n|---|---|---|---|\n")
	if !found {
		t.Fatal("README.md has no table of moods")
	}
	table, _, _ = strings.Cut(table, "\n\n")
	for row := range strings.SplitSeq(table, "\n") {
		cells := strings.Split(row, "|")
		if len(cells) != 6 {
			t.Fatalf("%q is no row of the table", row)
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		all = append(all, mood{strings.Trim(cells[1], "`"), cells[2], cells[3], cells[4]})
	}
	return all
}

// TestMoods holds the table in README.md to what the carrier does (D9, D20, D23,
// S2-11, S2-15).
func TestMoods(t *testing.T) {
	cfg := workertest.Server(t).Config(t)
	start(t, cfg, shipping.Options{})
	all := moods(t)
	if len(all) != 14 {
		t.Errorf("the table has %d rows, the carrier 13 words", len(all))
	}
	t.Run("all", func(t *testing.T) { // which ends when all have ended
		for _, m := range all {
			t.Run(m.word, func(t *testing.T) {
				t.Parallel()
				saga := "mood-" + m.word
				answers(t, cfg.Conn, protocol.SubjectCreateShipment, create(saga, "1 "+strings.ToUpper(m.word)+" Street"), m.create)
				shown := ask(t, cfg.Conn, protocol.SubjectShipment, shipping.Query{SagaID: saga, Step: 3})
				if made := !strings.Contains(shown, "not_found"); made != (m.label == "made") {
					t.Errorf("the label: %s", shown)
				}
				answers(t, cfg.Conn, protocol.SubjectCancelShipment, cancel(saga), m.cancel)
			})
		}
	})
}

// answers sends three attempts of a command and holds the answers to a cell of
// the table.
func answers(t *testing.T, nc *nats.Conn, subject string, cmd worker.Command, cell string) {
	t.Helper()
	want := strings.Split(cell, ", ")
	if len(want) == 1 {
		want = []string{cell, cell, cell}
	}
	body, err := json.Marshal(cmd)
	if err != nil {
		t.Fatal(err)
	}
	for i, w := range want {
		wait := patience
		if w == "silence" {
			wait = silence
		}
		m := nats.NewMsg(subject)
		m.Data = body
		m.Header.Set(protocol.HeaderAttempt, strconv.Itoa(i+1))
		reply, err := nc.RequestMsg(m, wait)
		if got := inWords(t, reply, err); got != w {
			t.Errorf("%s, attempt %d: %s, want %s", subject, i+1, got, w)
		}
	}
}

// inWords tells an answer as the table does.
func inWords(t *testing.T, m *nats.Msg, err error) string {
	t.Helper()
	if errors.Is(err, nats.ErrTimeout) {
		return "silence"
	}
	if err != nil {
		t.Fatal(err)
	}
	var a struct {
		protocol.Reply
		protocol.Trouble
	}
	if err := json.Unmarshal(m.Data, &a); err != nil {
		t.Fatal(err)
	}
	isFault := a.Error == "shipping_service_error" && a.Message == "Shipping service error"
	switch {
	case strings.HasSuffix(a.Type, protocol.SuffixOK):
		return "ok"
	case strings.HasSuffix(a.Type, protocol.SuffixFailed):
		return "failed " + a.Error
	case strings.HasSuffix(a.Type, protocol.SuffixError) && isFault && a.Retryable:
		return "error"
	case strings.HasSuffix(a.Type, protocol.SuffixError) && isFault:
		return "final error"
	}
	return string(m.Data)
}

// TestFaultless: where strangers write addresses, their words hold up nothing.
func TestFaultless(t *testing.T) {
	cfg := workertest.Server(t).Config(t)
	start(t, cfg, shipping.Options{Faultless: true})
	for _, m := range moods(t) {
		saga := "mood-" + m.word
		created := "ok"
		if strings.HasPrefix(m.create, "failed") {
			created = m.create
		}
		answers(t, cfg.Conn, protocol.SubjectCreateShipment, create(saga, m.word+" Street"), created)
		answers(t, cfg.Conn, protocol.SubjectCancelShipment, cancel(saga), "ok")
	}
}
