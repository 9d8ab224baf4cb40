package mutants

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// -mutants.write writes docs/mutants.md anew.
var write = flag.Bool("mutants.write", false, "write docs/mutants.md")

const (
	root  = "../.."
	table = root + "/docs/mutants.md"
	renew = "write it anew: AMENDS_MUTANTS=1 go test ./internal/mutants -mutants.write"
)

// TestMutantsFit holds that every bug can still be made: its old text occurs
// exactly once. When a change of the code makes one obsolete, change the bug with
// it, do not drop it.
func TestMutantsFit(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range All() {
		if seen[m.Name] {
			t.Errorf("two mutants are called %q", m.Name)
		}
		seen[m.Name] = true
		source, err := os.ReadFile(filepath.Join(root, m.File))
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(source), m.Old); n != 1 {
			t.Errorf("%q no longer fits: its old text occurs %d times in %s, must occur once:\n%s", m.Name, n, m.File, m.Old)
		}
		if m.Old == m.New || m.Why == "" {
			t.Errorf("%q is not complete", m.Name)
		}
	}
}

// TestTableNamesEveryMutant is what can be said of docs/mutants.md without
// running anything.
func TestTableNamesEveryMutant(t *testing.T) {
	text, err := os.ReadFile(table)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range All() {
		if !strings.Contains(string(text), "| "+m.Name+" |") {
			t.Errorf("docs/mutants.md lacks %q; %s", m.Name, renew)
		}
	}
}

// TestMutantsAreCaught makes every bug and expects the stories, the simulator or
// the fence's own test to fail. It takes a minute, so it runs only when asked for:
// AMENDS_MUTANTS=1.
func TestMutantsAreCaught(t *testing.T) {
	if os.Getenv("AMENDS_MUTANTS") == "" {
		t.Skip("set AMENDS_MUTANTS=1, or run make mutants")
	}
	all := All()
	catches := make([]catch, len(all))
	t.Run("each", func(t *testing.T) {
		for i, m := range all {
			t.Run(m.Name, func(t *testing.T) {
				t.Parallel()
				catches[i] = m.hunt(t)
				if !catches[i].caught() {
					t.Errorf("nothing notices this bug: %s", m.Why)
				}
			})
		}
	})
	if slices.ContainsFunc(catches, func(c catch) bool { return !c.caught() }) {
		return // failed, or run for some of them only
	}
	holdTable(t, render(all, catches))
}

func holdTable(t *testing.T, text string) {
	t.Helper()
	if *write {
		if err := os.WriteFile(table, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	old, err := os.ReadFile(table)
	if err != nil {
		t.Fatal(err)
	}
	if string(old) != text {
		t.Error("docs/mutants.md is not what was found;", renew)
	}
}
