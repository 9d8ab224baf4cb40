package main

import (
	"net"
	"path/filepath"
	"strings"
	"testing"
)

// What makes no sense is told before anything starts, with the flag that is meant.
func TestNonsenseIsUsage(t *testing.T) {
	t.Setenv("NATS_URL", "nats://127.0.0.1:1") // nobody is asked
	t.Chdir(t.TempDir())
	for _, args := range []string{
		"serve --max-live=0", "orchestrator --max-live=-1", "serve --retention=-1h", "payment --retention=-1ms",
		"serve --replicas=0", "serve --replicas=3", "inventory --replicas=-1", "shipping --replicas=6", "catalog list --replicas=0",
		"serve --http-rate=-5", "gateway --http-rate=NaN", "gateway --http-burst=-1", "gateway --http-streams=-1", "serve --http-drain-delay=-1s",
		"serve --nats-listen=4222", "nats --nats-listen=127.0.0.1:http", "nats --nats-listen=127.0.0.1:65536",
		"checkout list --timeout=0s", "checkout start --timeout=-1s",
		"bench -c=0", "bench -n=-1", "bench inventory -n=0", "bench inventory --replicas=0", "bench inventory --skus=0",
		"checkout list --creds=nofile", "audit --creds=nofile", "gateway --creds=nofile", "catalog list --creds=nofile",
		"checkout list --nats=foo:bar", "orchestrator --nats=127.0.0.1:4222,foo:bar", "stdio --nats=foo:bar",
	} {
		fields := strings.Fields(args)
		flag, _, _ := strings.Cut(strings.TrimLeft(fields[len(fields)-1], "-"), "=")
		said, code := errorsOf(t, fields...)
		meant := strings.Contains(strings.ToLower(said), flag[:min(len(flag), 4)]) // credentials are told as such
		if code != int(exitUsage) || !meant || strings.Count(said, "amends:") != 1 {
			t.Errorf("amends %s: exit code %d, said %q", args, code, said)
		}
	}
	if left, err := filepath.Glob("*"); err != nil || len(left) > 0 {
		t.Errorf("something was started, and left %v, %v", left, err)
	}
}

func TestAnUnknownContextIsUsage(t *testing.T) {
	t.Setenv("NATS_URL", "")
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	said, code := errorsOf(t, "checkout", "list", "--context", "nope")
	if code != int(exitUsage) || !strings.Contains(said, `unknown context "nope"`) {
		t.Errorf("exit code %d, said %q", code, said)
	}
}

// Who finds an address taken is told once, and by which flag to name another.
func TestAnAddressThatIsTaken(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	t.Chdir(t.TempDir())
	for _, args := range []string{
		"serve --http-listen none --nats-listen", "nats --nats-listen", "serve --nats-listen 127.0.0.1:0 --http-listen", "gateway --http-listen",
	} {
		said, code := errorsOf(t, append(strings.Fields(args), taken.Addr().String())...)
		flag := args[strings.LastIndex(args, "--"):]
		want := "amends: " + flag + " " + taken.Addr().String() + ": somebody listens there already; end that, or name another address\n"
		if code != int(exitInternal) || said != want {
			t.Errorf("amends %s: exit code %d, said %q", args, code, said)
		}
	}
}

// A mistake is explained where the command is.
func TestAMistakeNamesTheCommand(t *testing.T) {
	for args, want := range map[string]string{
		"begin":                     "see amends --help",
		"checkout begin":            "see amends checkout --help",
		"checkout start --colour":   "see amends checkout start --help",
		"checkout resolve c1":       "see amends checkout resolve --help",
		"checkout list --timeout=0": "see amends checkout list --help",
	} {
		if said, code := errorsOf(t, strings.Fields(args)...); code != int(exitUsage) || !strings.HasSuffix(said, want+"\n") {
			t.Errorf("amends %s: exit code %d, said %q", args, code, said)
		}
	}
	if out, code := amends(t, "--version"); code != int(exitOK) || !strings.HasPrefix(out, "amends devel (") {
		t.Errorf("amends --version: exit code %d, printed %q", code, out)
	}
}
