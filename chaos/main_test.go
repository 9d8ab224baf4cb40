package chaos_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// binary is the program under test.
var binary string

func TestMain(m *testing.M) { os.Exit(run(m)) }

// run builds the program once for all tests. AMENDS_CHAOS_BINARY names one that
// is there already, such as a release.
func run(m *testing.M) int {
	if binary = os.Getenv("AMENDS_CHAOS_BINARY"); binary != "" {
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "amends-chaos-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "making a folder for the program:", err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "amends")
	if out, err := exec.Command("go", "build", "-o", binary, "amends/cmd/amends").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building the program: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// defaultKills is how many processes are killed in a run that is not told
// otherwise; the shares of the tests add up to it. The issue asks for 50.
const defaultKills = 84

// kills is a test's share of all kills.
func kills(t *testing.T, share int) int {
	t.Helper()
	total := defaultKills
	if text := os.Getenv("AMENDS_CHAOS_KILLS"); text != "" {
		var err error
		if total, err = strconv.Atoi(text); err != nil {
			t.Fatalf("AMENDS_CHAOS_KILLS=%q is no number", text)
		}
	}
	return max(total*share/defaultKills, 1)
}

// dice is the randomness of one test. Its seed is printed, and AMENDS_CHAOS_SEED
// sets it.
func dice(t *testing.T) *rand.Rand {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("AMENDS_CHAOS_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("AMENDS_CHAOS_SEED=%q is no number", text)
		}
	}
	t.Logf("AMENDS_CHAOS_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// between draws a time.
func between(random *rand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(random.Int64N(int64(most-least)))
}

// slow marks a test that takes more than a few seconds.
func slow(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("takes more than a few seconds")
	}
	t.Parallel()
}
