package examples_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"amends/conformance"
	"amends/definitions"
	"amends/worker/workertest"

	"github.com/nats-io/nats.go"
)

// The examples are run as their READMEs say.

// tolerated is how long anything may take on a busy machine.
const tolerated = 60 * time.Second

// tools is the folder of the programs that the tests build.
var tools string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	var err error
	if tools, err = os.MkdirTemp("", "amends-examples-"); err != nil {
		fmt.Fprintln(os.Stderr, "making a folder for the programs:", err)
		return 1
	}
	defer os.RemoveAll(tools)
	for name, from := range map[string]string{"amends": "amends/cmd/amends", "go-worker": "amends/examples/go-worker"} {
		if out, err := exec.Command("go", "build", "-o", filepath.Join(tools, name), from).CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "building %s: %v\n%s", name, err, out)
			return 1
		}
	}
	return m.Run()
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// python is the interpreter; without one a test is skipped.
func python(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not installed: the Python examples are not run here")
	}
	return path
}

// process is a program under way.
type process struct {
	cmd   *exec.Cmd
	lines chan string // of what it prints
}

// start runs a program until the end of the test.
func start(t *testing.T, env []string, name string, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(name, args...), lines: make(chan string, 1024)}
	p.cmd.Env = append(os.Environ(), env...)
	read, write := io.Pipe()
	p.cmd.Stdout, p.cmd.Stderr = write, write
	must(t, p.cmd.Start())
	t.Cleanup(p.kill)
	go func() {
		for scan := bufio.NewScanner(read); scan.Scan(); {
			select {
			case p.lines <- scan.Text():
			default: // nobody reads any more
			}
		}
	}()
	return p
}

// kill ends it as a crash does.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

// await returns the next line that holds a text.
func (p *process) await(t *testing.T, text string) string {
	t.Helper()
	late := time.After(tolerated)
	var seen []string
	for {
		select {
		case line := <-p.lines:
			if seen = append(seen, line); strings.Contains(line, text) {
				return line
			}
		case <-late:
			t.Fatalf("%s did not say %q but %q", p.cmd.Path, text, seen)
		}
	}
}

// worker is one of the workers of loyalty.
type worker struct {
	start func(t *testing.T, url string) *process
	ready string // what it prints then
}

func (w worker) run(t *testing.T, url string) *process {
	t.Helper()
	p := w.start(t, url)
	p.await(t, w.ready)
	return p
}

// pythonWorker is one that remembers in a file of its own, also when it is started
// again.
func pythonWorker(t *testing.T) worker {
	t.Helper()
	interpreter, database := python(t), filepath.Join(t.TempDir(), "loyalty.db")
	return worker{ready: "ready", start: func(t *testing.T, url string) *process {
		return start(t, nil, interpreter, "python/loyalty.py", url, database)
	}}
}

func goWorker(*testing.T) worker {
	return worker{ready: "service started", start: func(t *testing.T, url string) *process {
		return start(t, []string{"NATS_URL=" + url}, filepath.Join(tools, "go-worker"))
	}}
}

var workers = map[string]func(*testing.T) worker{"python": pythonWorker, "go": goWorker}

// Both workers conform: one alone, killed in between and started again, and two that
// share the work (C1 to C24; results of loyalty come at once).
func TestTheWorkersConform(t *testing.T) {
	text, err := os.ReadFile("loyalty.yaml")
	must(t, err)
	profile, err := conformance.Read("loyalty.yaml", text)
	must(t, err)
	for name, make := range workers {
		for _, replicas := range []int{1, 2} {
			t.Run(fmt.Sprint(name, replicas), func(t *testing.T) {
				t.Parallel()
				w := make(t)
				server := workertest.Server(t)
				nc := server.Connect(t)
				var running []*process
				all := func() {
					for range replicas {
						running = append(running, w.run(t, nc.ConnectedUrl()))
					}
				}
				all()
				ctx, cancel := context.WithTimeout(t.Context(), tolerated)
				defer cancel()
				report, err := conformance.Run(ctx, conformance.Config{
					Conn: nc, Profile: profile,
					Restart: func(context.Context) error {
						for _, p := range running {
							p.kill()
						}
						running = nil
						all()
						return nil
					},
				})
				must(t, err)
				for _, c := range report.Clauses {
					later := slices.Contains([]string{"C24", "C25", "C26", "C27", "C28", "C29", "C30"}, c.ID)
					if c.Status != conformance.Pass && (!later || c.Status != conformance.Skip) {
						t.Errorf("%s %s %s %+v", c.Status, c.ID, c.Detail, c.Exchanges)
					}
				}
				if len(report.Left) > 0 {
					t.Errorf("left %v", report.Left)
				}
			})
		}
	}
}

// The workers wait for a server that is not there yet (S3-17), and find it again.
func TestTheWorkersWaitForTheServer(t *testing.T) {
	for name, make := range workers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := make(t)
			server := workertest.Server(t)
			nc := server.Connect(t)
			url := nc.ConnectedUrl()
			server.Stop()
			p := w.start(t, url)
			server.Start(t)
			p.await(t, w.ready)
			server.Stop()
			server.Start(t)
			for late := time.Now().Add(tolerated); ; {
				m, err := nc.Request("loyalty.revoke", []byte(`{"type":"RevokePoints","saga_id":"s1","step":4,"compensating":true}`), time.Second)
				if err == nil && strings.Contains(string(m.Data), "RevokePoints_ok") {
					return
				}
				if time.Now().After(late) {
					t.Fatalf("it did not come back: %v", err)
				}
				<-time.After(20 * time.Millisecond)
			}
		})
	}
}

// serve starts a system with the definition of the examples.
func serve(t *testing.T, url string) string {
	t.Helper()
	at, _ := serveWith(t, url, "definitions")
	return at
}

// serveWith starts a system with a folder of definitions, and returns where it
// listens.
func serveWith(t *testing.T, url, folder string) (nats, http string) {
	t.Helper()
	p := start(t, nil, filepath.Join(tools, "amends"), "serve", "--nats-listen", strings.TrimPrefix(url, "nats://"),
		"--data", t.TempDir()+"/nats", "--durability", "interval", "--http-listen", "127.0.0.1:0", "--definitions", folder, "--log-format", "json")
	var gateway struct{ HTTP []string }
	must(t, json.Unmarshal([]byte(p.await(t, `"message":"gateway ready"`)), &gateway))
	var ready struct{ NATS string }
	must(t, json.Unmarshal([]byte(p.await(t, `"message":"ready"`)), &ready))
	return ready.NATS, "http://" + gateway.HTTP[0]
}

// A checkout with a step of one's own: it completes with the points, and where they
// are refused everything before is undone, the shipment too (S0-19).
func TestACheckoutWithPoints(t *testing.T) {
	interpreter := python(t)
	for name, make := range workers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := serve(t, "nats://127.0.0.1:0")
			make(t).run(t, url)
			buy := func(id, user string) (string, int) {
				cmd := exec.Command(interpreter, "python/client.py", id, "--item", "abc123=2", "--user", user, "--definition", "checkout-loyalty", "--nats", url)
				out, _ := cmd.Output()
				return string(out), cmd.ProcessState.ExitCode()
			}
			if out, code := buy("o1", "u42"); code != 0 || !strings.Contains(out, `"status": "COMPLETED"`) {
				t.Errorf("exit code %d: %s", code, out)
			}
			if out, code := buy("o2", "stranger"); code != 4 || !strings.Contains(out, `"reason": "No points: not_a_member"`) {
				t.Errorf("exit code %d: %s", code, out)
			}
			nc, err := nats.Connect(url)
			must(t, err)
			defer nc.Close()
			m, err := nc.Request("checkout.status", []byte(`{"saga_id":"o1"}`), tolerated)
			must(t, err)
			if !strings.Contains(string(m.Data), `"points":200`) {
				t.Errorf("%s", m.Data)
			}
			out, err := exec.Command(filepath.Join(tools, "amends"), "audit", "--nats", url).CombinedOutput()
			if err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}

// The client asks until there is an answer: it may be started before everything else.
func TestTheClientAsksAgain(t *testing.T) {
	interpreter := python(t)
	server := workertest.Server(t)
	url := server.Connect(t).ConnectedUrl()
	server.Stop()
	client := start(t, nil, interpreter, "python/client.py", "o1", "--item", "abc123=1", "--nats", url)
	client.await(t, "asking again")
	serve(t, url)
	client.await(t, `"checkout_complete"`)
}

// S0-25: a Python program on the other end of the lines.
func TestTheLines(t *testing.T) {
	out, err := exec.Command(python(t), "python/lines.py", filepath.Join(tools, "amends")).CombinedOutput()
	if err != nil || strings.Count(string(out), "\n") != 8 || !strings.Contains(string(out), "checkout_complete") {
		t.Errorf("%v: %s", err, out)
	}
}

// The definition of the examples can be loaded.
func TestTheDefinition(t *testing.T) {
	defs, err := definitions.Load(os.DirFS("definitions"))
	must(t, err)
	if def := defs["checkout-loyalty"]; def == nil || len(def.Steps) != 4 {
		t.Errorf("got %+v", defs)
	}
}

// The Python examples need nothing but the standard library, and are short.
func TestThePythonExamplesAreShort(t *testing.T) {
	for name, most := range map[string]int{
		"python/worker.py": 200, "python/loyalty.py": 40, "python/nats.py": 70, "python/client.py": 90, "python/lines.py": 50, "resale/box_office.py": 80,
	} {
		text, err := os.ReadFile(name)
		must(t, err)
		if lines := strings.Count(string(text), "\n"); lines > most {
			t.Errorf("%s has %d lines, more than %d", name, lines, most)
		}
	}
}
