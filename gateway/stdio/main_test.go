package stdio_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// binary is the program under test. The documents are checked against it, not
// against a part of it.
var binary string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "amends-stdio-")
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

const (
	// allowed is how long an exchange of a sample may take (S0-22).
	allowed = 5 * time.Second
	// tolerated is how long anything may take on a busy machine.
	tolerated = 60 * time.Second
)

// result is what a session has printed, and how it ended.
type result struct {
	stdout, stderr []string
	code           int
	took           time.Duration
}

// speak runs a session with this input, to its end.
func speak(t *testing.T, input string, args ...string) result {
	t.Helper()
	n := start(t, args...)
	begin := time.Now()
	n.write(input)
	n.closeInput()
	r := n.end()
	r.took = time.Since(begin)
	return r
}

// node is a session under way.
type node struct {
	t      *testing.T
	cmd    *exec.Cmd
	temp   string // its folder for temporary files
	stdin  io.WriteCloser
	stdout io.Closer
	lines  chan string // of stdout
	seen   []string
	stderr lockedBuffer
}

func start(t *testing.T, args ...string) *node {
	t.Helper()
	return startNode(t, append([]string{"stdio"}, args...)...)
}

// startNode starts the program with any command.
func startNode(t *testing.T, args ...string) *node {
	t.Helper()
	n := &node{t: t, cmd: exec.Command(binary, args...), temp: t.TempDir(), lines: make(chan string, 1024)}
	n.cmd.Env = append(os.Environ(), "TMPDIR="+n.temp, "NATS_URL=nats://127.0.0.1:1", "AMENDS_LOG_FORMAT=json")
	n.cmd.Stderr = &n.stderr
	var err error
	if n.stdin, err = n.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	stdout, err := n.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	n.stdout = stdout
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.cmd.Process.Kill() })
	go func() {
		defer close(n.lines)
		for scan := bufio.NewScanner(stdout); scan.Scan(); {
			n.lines <- scan.Text()
		}
	}()
	return n
}

func (n *node) write(text string) {
	n.t.Helper()
	if _, err := io.WriteString(n.stdin, text); err != nil {
		n.t.Fatal(err)
	}
}

func (n *node) closeInput() { _ = n.stdin.Close() }

// abandon reads no more of what the session says.
func (n *node) abandon() { _ = n.stdout.Close() }

// await returns the next line that holds a text.
func (n *node) await(text string) string {
	n.t.Helper()
	late := time.After(tolerated)
	for {
		select {
		case line, more := <-n.lines:
			if !more {
				n.t.Fatalf("the session ended before it said %q:\n%s\n%s", text, strings.Join(n.seen, "\n"), n.stderr.String())
			}
			n.seen = append(n.seen, line)
			if strings.Contains(line, text) {
				return line
			}
		case <-late:
			n.t.Fatalf("did not say %q but:\n%s\n%s", text, strings.Join(n.seen, "\n"), n.stderr.String())
		}
	}
}

// log waits for the line of the log that holds a text.
func (n *node) log(text string) string {
	n.t.Helper()
	for late := time.Now().Add(tolerated); time.Now().Before(late); <-time.After(5 * time.Millisecond) {
		for _, line := range splitLines(n.stderr.String()) {
			if strings.Contains(line, text) {
				return line
			}
		}
	}
	n.t.Fatalf("did not log %q but:\n%s", text, n.stderr.String())
	return ""
}

func (n *node) signal(s syscall.Signal) {
	n.t.Helper()
	if err := n.cmd.Process.Signal(s); err != nil {
		n.t.Fatal(err)
	}
}

// end waits for the end of the session, which leaves nothing behind.
func (n *node) end() result {
	n.t.Helper()
	late := time.AfterFunc(tolerated, func() { _ = n.cmd.Process.Kill() })
	defer late.Stop()
	for line := range n.lines {
		n.seen = append(n.seen, line)
	}
	err := n.cmd.Wait()
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		n.t.Fatal(err)
	}
	if left, err := os.ReadDir(n.temp); err != nil || len(left) > 0 {
		n.t.Errorf("left behind %v %v", left, err)
	}
	return result{stdout: n.seen, stderr: splitLines(n.stderr.String()), code: n.cmd.ProcessState.ExitCode()}
}

// lockedBuffer may be read while it is written.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func splitLines(text string) []string {
	if text = strings.TrimSuffix(text, "\n"); text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

// document is a file of testdata, line by line.
func document(t *testing.T, name string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return splitLines(string(text))
}

// join is an input of these lines.
func join(lines ...string) string { return strings.Join(lines, "\n") + "\n" }

// same holds printed lines against expected ones, byte by byte; in these, …
// stands for any one id.
func same(t *testing.T, got, want []string) {
	t.Helper()
	pattern := strings.ReplaceAll(regexp.QuoteMeta(strings.Join(want, "\n")), "…", `[A-Za-z0-9_-]+`)
	if !regexp.MustCompile("^" + pattern + "$").MatchString(strings.Join(got, "\n")) {
		t.Errorf("printed\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
