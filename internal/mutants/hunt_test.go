package mutants

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// catch is what noticed a mutant.
type catch struct {
	stories   []string // the files of saga/testdata that end otherwise
	invariant string   // the one that the simulator saw broken
	saga      string   // the first saga of seed 1 in which it did, and with how many faults
	fence     bool     // whether the fence's own test failed
}

func (c catch) caught() bool { return len(c.stories) > 0 || c.invariant != "" || c.fence }

// hunt makes the bug in a copy of its file, puts the copy in the file's place for
// the compiler alone, and runs the tests.
func (m Mutant) hunt(t *testing.T) catch {
	t.Helper()
	overlay := m.overlay(t)
	var c catch
	c.read(t, test(t, overlay, "./saga", "-run=^(TestStories|TestSimulate)$", "-sim.seed=1", "-sim.n=4000"))
	if m.File == rule {
		c.read(t, test(t, overlay, "./worker", "-run=^TestRule$"))
	}
	slices.Sort(c.stories)
	return c
}

// test is what go test says of a package with a mutant in it.
func test(t *testing.T, overlay, where string, flags ...string) []byte {
	t.Helper()
	args := append([]string{"test", "-overlay=" + overlay, "-json", "-count=1", "-vet=off", "-timeout=60s", where}, flags...)
	cmd := exec.Command("go", args...)
	cmd.Dir = root
	out, err := cmd.Output()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		t.Fatal(err)
	}
	return out
}

func (m Mutant) overlay(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(root, m.File))
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	mutated := filepath.Join(dir, filepath.Base(m.File))
	plan, err := json.Marshal(map[string]any{"Replace": map[string]string{path: mutated}})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{
		mutated:                            bytes.Replace(source, []byte(m.Old), []byte(m.New), 1),
		filepath.Join(dir, "overlay.json"): plan,
	} {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "overlay.json")
}

// event is a line of go test -json.
type event struct{ Action, Test, Output string }

var (
	brokenInvariant = regexp.MustCompile(`: ((?:I\d+|no) [a-z -]+): `)
	firstSaga       = regexp.MustCompile(`saga (\d+) \(.*\), (\d+) of \d+ faults`)
)

// read finds in the output of go test what failed.
func (c *catch) read(t *testing.T, out []byte) {
	t.Helper()
	for line := range bytes.Lines(out) {
		var e event
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatalf("go test says %s", line)
		}
		story, isStory := strings.CutPrefix(e.Test, "TestStories/")
		switch {
		case e.Action == "build-fail", strings.Contains(e.Output, "[build failed]"):
			t.Fatalf("the mutant does not compile:\n%s", out)
		case e.Action == "fail" && isStory:
			c.stories = append(c.stories, story)
		case e.Action == "fail" && e.Test == "TestRule":
			c.fence = true
		case e.Action == "output" && e.Test == "TestSimulate":
			c.simulated(e.Output)
		}
	}
}

func (c *catch) simulated(line string) {
	if found := brokenInvariant.FindStringSubmatch(line); found != nil && c.invariant == "" {
		c.invariant = found[1]
	}
	if found := firstSaga.FindStringSubmatch(line); found != nil && c.saga == "" {
		c.saga = "saga " + found[1] + ", " + count(found[2])
	}
}

func count(faults string) string {
	switch faults {
	case "0":
		return "no fault"
	case "1":
		return "1 fault"
	}
	return faults + " faults"
}
