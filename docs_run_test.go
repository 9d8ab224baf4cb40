package amends_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The documents, as a test: whatever they tell a reader to type is typed, in
// order, in a folder and on a port of its own; and what they name is there.
//
//	```sh         is run, and must print every line of the ```text block right
//	              after it, and every "# => …" inside it, as a whole; … stands for
//	              anything, and times and durations are not compared
//	```sh NAME    is a file of that name, and so is ```go DIR/main.go, which is
//	              built where `go run ./DIR` says so
//
// The nats command is the one of NATS_CLI or PATH; without any, this test binary
// plays it. Of the make targets only demo is run: as what it runs. A document that
// calls curl or python3 is left out where there is none.

const (
	blockTime = 60 * time.Second // for the commands of one block
	printTime = 10 * time.Second // for what they print in the background
	// A document shows what a client sees that waits for some seconds. On a
	// machine that is busy with other tests a checkout may take longer once.
	tries = 3
)

func TestDocumentsRun(t *testing.T) {
	if testing.Short() {
		t.Skip("starts whole systems")
	}
	tools := t.TempDir()
	build(t, filepath.Join(tools, "amends"), "./cmd/amends")
	for _, path := range glob(t, "README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "docs/failures.md", "docs/definitions.md", "docs/guides/*.md") {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			needsPrograms(t, path)
			for try := 1; ; try++ {
				err := follow(t, path, tools)
				if err == nil {
					return
				}
				if try == tries {
					t.Fatal(err)
				}
				t.Log("once more, from the beginning, since", err)
			}
		})
	}
}

// needsPrograms skips a document that calls a program which is not installed.
func needsPrograms(t *testing.T, path string) {
	t.Helper()
	for _, program := range []string{"curl", "python3"} {
		for _, line := range commandLines(t, path) {
			_, err := exec.LookPath(program)
			if strings.HasPrefix(strings.TrimSpace(line), program+" ") && err != nil {
				t.Skipf("%s is not installed", program)
			}
		}
	}
}

// follow types a document from its beginning to its end.
func follow(t *testing.T, path, tools string) error {
	t.Helper()
	all := fences(t, path)
	sh := newShell(t, tools)
	defer sh.end()
	for n, f := range all {
		switch {
		case f.file != "":
			sh.write(f)
		case f.lang == "sh":
			want := answers(f)
			if n+1 < len(all) && all[n+1].lang == "text" && all[n+1].line == f.end+2 {
				want = append(want, strings.Split(all[n+1].text, "\n")...)
			}
			if err := sh.run(f, want); err != nil {
				return err
			}
		}
	}
	return nil
}

// fence is one fenced block of a document.
type fence struct {
	path, lang, file, text string
	line, end              int
}

func fences(t *testing.T, path string) []fence {
	t.Helper()
	var all []fence
	open := false
	for n, line := range strings.Split(read(t, path), "\n") {
		info, isFence := strings.CutPrefix(line, "```")
		switch {
		case isFence && !open:
			lang, file, _ := strings.Cut(info, " ")
			all = append(all, fence{path: path, lang: lang, file: file, line: n + 1})
		case open && !isFence:
			all[len(all)-1].text += line + "\n"
		case open:
			all[len(all)-1].end = n + 1
		}
		open = open != isFence
	}
	return all
}

// answers are the lines that a block says, in comments, its commands print.
func answers(f fence) (all []string) {
	for line := range strings.Lines(f.text) {
		if _, answer, ok := strings.Cut(line, "# => "); ok {
			all = append(all, answer)
		}
	}
	return all
}

// shell is one sh that a document is typed into.
type shell struct {
	t     *testing.T
	dir   string
	port  string // of NATS; the documents say 4222
	http  string // of HTTP; the documents say 8080
	cmd   *exec.Cmd
	stdin io.Writer

	// What is told to the one stream must not end up within a line of the other.
	out, err printed
}

// printed is all that went to one stream.
type printed struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (p *printed) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.all.Write(b)
}

func (p *printed) since(place int) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return string(p.all.Bytes()[place:])
}

func newShell(t *testing.T, tools string) *shell {
	t.Helper()
	s := &shell{t: t, dir: t.TempDir(), port: freePort(t), http: freePort(t)}
	bin := filepath.Join(s.dir, "bin")
	must(t, os.Mkdir(bin, 0o700))
	must(t, os.Symlink(filepath.Join(tools, "amends"), filepath.Join(bin, "amends")))
	examples, err := filepath.Abs("examples")
	must(t, err)
	must(t, os.Symlink(examples, filepath.Join(s.dir, "examples")))
	conf := strings.NewReplacer(":4222", ":"+s.port, ":8222", ":"+freePort(t)).Replace(read(t, "nats.conf"))
	must(t, os.WriteFile(filepath.Join(s.dir, "nats.conf"), []byte(conf), 0o600))
	cmd := exec.Command("sh")
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.dir, &s.out, &s.err
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	address := "127.0.0.1:" + s.port
	cmd.Env = append(os.Environ(), "PATH="+natsFolder(t)+":"+os.Getenv("PATH"), "HOME="+s.dir, "XDG_CONFIG_HOME="+s.dir,
		"NATS_URL="+address, "NATS_CONTEXT=", "NATS_TIMEOUT=5s", "AMENDS_NATS_LISTEN="+address, "AMENDS_HTTP_LISTEN=127.0.0.1:"+s.http,
		"AMENDS_LOG_FORMAT=text", "PYTHONDONTWRITEBYTECODE=1")
	stdin, err := cmd.StdinPipe()
	must(t, err)
	s.cmd, s.stdin = cmd, stdin
	must(t, cmd.Start())
	return s
}

// end kills the shell and everything that was started in it: all of it is in its
// group.
func (s *shell) end() {
	_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
	_ = s.cmd.Wait()
}

// place is how far both streams have come.
type place struct{ out, err int }

func (s *shell) here() place { return place{len(s.out.since(0)), len(s.err.since(0))} }

// since is what was printed from a place on.
func (s *shell) since(p place) string { return s.out.since(p.out) + "\n" + s.err.since(p.err) }

// write makes a file of a document. A Go program is built as if it stood in the
// repository.
func (s *shell) write(f fence) {
	s.t.Helper()
	path := filepath.Join(s.dir, f.file)
	must(s.t, os.MkdirAll(filepath.Dir(path), 0o700))
	must(s.t, os.WriteFile(path, []byte(f.text), 0o700))
	if f.lang != "go" {
		return
	}
	root, err := filepath.Abs(".")
	must(s.t, err)
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(root, f.file): path}})
	must(s.t, err)
	list := filepath.Join(s.dir, "overlay.json")
	must(s.t, os.WriteFile(list, overlay, 0o600))
	folder := filepath.Dir(f.file)
	build(s.t, filepath.Join(s.dir, "bin", folder), "./"+folder, "-overlay", list)
}

var typed = strings.NewReplacer("\nmake demo", "\nbin/amends demo", "\nmake ", "\n: make ",
	"go run ./cmd/amends", "bin/amends", "go run ./", "bin/")

// run types one block, and waits until it is done and has printed what is wanted.
func (s *shell) run(f fence, want []string) error {
	s.t.Helper()
	begin, from := time.Now(), s.here()
	ports := strings.NewReplacer(":4222", ":"+s.port, ":8080", ":"+s.http)
	script := filepath.Join(s.dir, ".block"+strconv.Itoa(f.line))
	must(s.t, os.WriteFile(script, []byte(ports.Replace(typed.Replace("\n"+f.text))), 0o600))
	done := fmt.Sprintf("-- end of line %d --", f.line)
	_, err := fmt.Fprintf(s.stdin, "{ . %s; } </dev/null; printf '\\n%s\\n'\n", script, done)
	must(s.t, err)
	if !within(blockTime, func() bool { return strings.Contains(s.out.since(from.out), done) }) {
		return fmt.Errorf("%s:%d does not come to an end:\n%s\nand prints:\n%s", f.path, f.line, f.text, s.since(from))
	}
	var missing []string
	within(printTime, func() bool { missing = lacking(s.said(from), want); return len(missing) == 0 })
	s.t.Logf("%s:%d took %v", f.path, f.line, time.Since(begin).Round(time.Millisecond))
	if len(missing) > 0 {
		return fmt.Errorf("%s:%d\n%s\ndoes not print %q but:\n%s", f.path, f.line, f.text, missing, s.since(from))
	}
	return nil
}

// said is what was printed since, with the ports that the documents have.
func (s *shell) said(from place) string {
	return strings.NewReplacer(":"+s.port, ":4222", ":"+s.http, ":8080").Replace(s.since(from))
}

// lacking returns the wanted lines that are not printed. Each printed line serves
// one wanted line only.
func lacking(printed string, want []string) (missing []string) {
	lines := strings.Split(printed, "\n")
	for _, w := range want {
		if plain(w) == "" {
			continue
		}
		parts := strings.Split(plain(w), "…")
		for n := range parts {
			parts[n] = regexp.QuoteMeta(strings.TrimSpace(parts[n]))
		}
		pattern := regexp.MustCompile("^" + strings.Join(parts, ".*") + "$")
		n := slices.IndexFunc(lines, func(l string) bool { return pattern.MatchString(plain(l)) })
		if n < 0 {
			missing = append(missing, w)
			continue
		}
		lines = slices.Delete(lines, n, n+1)
	}
	return missing
}

var (
	colours  = regexp.MustCompile("\x1b\\[[0-9;]*m")
	changing = regexp.MustCompile(`\d{4}-\d\d-\d\dT[\d:.]+Z|\b\d\d:\d\d:\d\d(\.\d+)?\b|\b\d+(\.\d+)? ?m?s\b|\b\d{16}\b`)
	blanks   = regexp.MustCompile(`\s+`)
)

// plain is a line without what differs from run to run.
func plain(line string) string {
	line = changing.ReplaceAllString(colours.ReplaceAllString(line, ""), "T")
	return strings.TrimSpace(blanks.ReplaceAllString(line, " "))
}

func within(d time.Duration, holds func() bool) bool {
	for late := time.Now().Add(d); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(late) {
			return false
		}
	}
	return true
}

// build builds a program of the repository.
func build(t *testing.T, to, what string, flags ...string) {
	t.Helper()
	args := append(append([]string{"build", "-o", to}, flags...), what)
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		t.Fatalf("building %s: %v\n%s", what, err, out)
	}
}

// freePort finds a port below those that the kernel gives to outgoing
// connections.
func freePort(t *testing.T) string {
	t.Helper()
	for range 1000 {
		port := strconv.Itoa(20_000 + rand.IntN(12_000))
		if l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", port)); err == nil {
			must(t, l.Close())
			return port
		}
	}
	t.Fatal("found no free port")
	return ""
}
