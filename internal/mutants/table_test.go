package mutants

import (
	"fmt"
	"strings"
)

// render writes the table of docs/mutants.md.
func render(all []Mutant, catches []catch) string {
	var b strings.Builder
	fmt.Fprintf(&b, `# Bugs that were made on purpose, and what noticed them

<!-- Written by AMENDS_MUTANTS=1 go test ./internal/mutants -mutants.write; make mutants checks that it is current. -->

%d bugs, each a change of a few words in the core, in the fence, or in the order in which the simulated shell does things.
They are data, in [internal/mutants](../internal/mutants); `+"`make mutants`"+` makes each of them and fails if nothing notices it.

- **Stories** are the files of [saga/testdata](../saga/testdata) that end otherwise.
- **Simulator** is the invariant that broke first (the names are those of the code, saga/sim_*_test.go), the first of 4,000 sagas of
  seed 1 in which it did, and with how few faults it still breaks there.
- **Fence** is worker/fence_test.go.

| bug | why it is wrong | stories | simulator | fence |
|---|---|---|---|---|
`, len(all))
	for i, m := range all {
		c := catches[i]
		simulator := "–"
		if c.invariant != "" {
			simulator = fmt.Sprintf("**%s**, %s", c.invariant, c.saga)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", m.Name, m.Why, orDash(strings.Join(c.stories, ", ")), simulator, yes(c.fence))
	}
	fmt.Fprintf(&b, "\nWhere the simulator has a dash, the bug breaks no promise to clients or participants: it is a matter of politeness, of what people\nare shown, or of bytes on the disk, and a story holds it.\n")
	return b.String()
}

func orDash(text string) string {
	if text == "" {
		return "–"
	}
	return text
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "–"
}
