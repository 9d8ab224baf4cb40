package conformance_test

import (
	"context"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"amends/conformance"
	"amends/worker/workertest"
)

// try runs all clauses against a reference worker.
func try(t *testing.T, of trade, name, bug string) (*conformance.Report, *tiny) {
	t.Helper()
	n := workertest.Server(t)
	w := newTiny(t, n.Connect(t), of, bug)
	p := profile(t, name)
	if p.Callback != nil {
		p = later(t)
	}
	return check(t, conformance.Config{
		Conn: n.Connect(t), Profile: p, Timeout: time.Second, Restart: func(context.Context) error { w.restart(); return nil },
	}), w
}

// later is the profile payment-later, for a bank that is in more of a hurry.
func later(t *testing.T) *conformance.Profile {
	t.Helper()
	text, err := os.ReadFile("profiles/payment-later.yaml")
	must(t, err)
	hurried := strings.NewReplacer("u960", "u-slow", "patience: 15s", "patience: 1s").Replace(string(text))
	p, err := conformance.Read("later.yaml", []byte(hurried))
	must(t, err)
	return p
}

// The reference worker passes every clause of its trade, and nothing of a run is
// left standing.
func TestTheReferenceConforms(t *testing.T) {
	for name, c := range map[string]struct {
		of    trade
		skips []string
	}{
		"payment":       {payments, []string{"C24", "C25", "C26", "C27", "C28", "C29"}},
		"payment-later": {laterPayments, []string{"C20", "C24"}},
		"inventory":     {goods, []string{"C9", "C25", "C26", "C27", "C28", "C29"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			report, w := try(t, c.of, name, "")
			if bad := of(report, conformance.Fail, conformance.Warn); len(bad) > 0 || len(report.Left) > 0 {
				t.Errorf("fails %v, leaves %v", bad, report.Left)
				tell(t, report, bad)
			}
			if got := of(report, conformance.Skip); !slices.Equal(got, c.skips) {
				t.Errorf("skips %v, want %v", got, c.skips)
				tell(t, report, got)
			}
			w.mu.Lock()
			defer w.mu.Unlock()
			if len(w.stands) > 0 {
				t.Errorf("still stands: %v", w.stands)
			}
		})
	}
}

// A worker that breaks one clause fails that clause, and no other.
func TestEachClauseIsBrokenAlone(t *testing.T) {
	for _, id := range checklist(t) {
		of_, name := payments, "payment"
		switch id {
		case "C24":
			of_, name = goods, "inventory"
		case "C25", "C26", "C27", "C28", "C29":
			of_, name = laterPayments, "payment-later"
		}
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			report, _ := try(t, of_, name, id)
			bad := of(report, conformance.Fail, conformance.Warn)
			if !slices.Equal(bad, []string{id}) {
				t.Errorf("fails %v", bad)
				tell(t, report, bad)
			}
			if shoulds := []string{"C22", "C23"}; slices.Contains(shoulds, id) != report.OK() {
				t.Errorf("the report is OK: %v", report.OK())
			}
		})
	}
}

// checklist are the clauses, as a run has them.
func checklist(t *testing.T) (ids []string) {
	t.Helper()
	n := workertest.Server(t)
	for _, c := range check(t, conformance.Config{Conn: n.Connect(t), Profile: profile(t, "payment")}).Clauses {
		ids = append(ids, c.ID)
	}
	return ids
}

// Every entry of the checklist in PROTOCOL.md is checked, under its number, and names
// the section that has the rule.
func TestTheChecklistIsThatOfTheProtocol(t *testing.T) {
	text, err := os.ReadFile("../protocol/PROTOCOL.md")
	must(t, err)
	n := workertest.Server(t)
	report := check(t, conformance.Config{Conn: n.Connect(t), Profile: profile(t, "payment")})
	titles := make(map[string]string)
	for _, c := range report.Clauses {
		titles[c.ID] = c.Title
	}
	entries := regexp.MustCompile(`(?m)^- \*\*(C\d+)\*\* (.*)$`).FindAllStringSubmatch(string(text), -1)
	if len(entries) < 24 {
		t.Fatalf("found %d entries", len(entries))
	}
	for _, entry := range entries {
		// The first words tell whether both are about the same thing.
		first := strings.Join(strings.Fields(strings.ReplaceAll(entry[2], "`", ""))[:5], " ")
		if !strings.HasPrefix(titles[entry[1]], first) {
			t.Errorf("PROTOCOL.md has %s as %q, here it is %q", entry[1], entry[2], titles[entry[1]])
		}
		_, section, _ := strings.Cut(titles[entry[1]], " §")
		isThere := regexp.MustCompile(`(?m)^###? ` + regexp.QuoteMeta(section) + `\.? `).Match(text)
		if section == "" || !isThere || !strings.HasSuffix(entry[2], " §"+section) {
			t.Errorf("%s refers to section %q, PROTOCOL.md has %q", entry[1], section, entry[2])
		}
	}
}
