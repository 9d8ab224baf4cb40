package main

import (
	"bufio"
	"context"
	"os"
	"syscall"
	"testing"
)

// interrupted runs a command line, and interrupts it when it has printed its first
// line.
func interrupted(t *testing.T, args ...string) (stderr string, code int) {
	t.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	defer write.Close()
	before := os.Stdout
	os.Stdout = write
	defer func() { os.Stdout = before }()
	go func() {
		lines := bufio.NewScanner(read)
		for first := true; lines.Scan(); first = false {
			if first {
				_ = syscall.Kill(os.Getpid(), syscall.SIGINT)
			}
		}
	}()
	return errorsOf(t, args...)
}

// Who presses Ctrl-C has made no mistake, and nothing has failed.
func TestAnInterruptedDemo(t *testing.T) {
	for _, args := range [][]string{{"demo"}, {"demo", "--random", "1000"}, {"demo", "--scenario", "all"}} {
		if said, code := interrupted(t, args...); code != int(exitInterrupted) || said != "amends: interrupted\n" {
			t.Errorf("%v: exit code %d, said %q", args, code, said)
		}
	}
}

// A bench that is interrupted before anything was measured has no figures.
func TestAnInterruptedBench(t *testing.T) {
	app := system(t)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	bench := benchCommand{Clients: 1, Sagas: 1, Timeout: patience}
	bench.NATS = app.URL()
	_, roofline := bench.timeRoofline(ctx, nil)
	_, measured := bench.measure(ctx, bench.access())
	for _, err := range []error{roofline, measured} {
		if err := orInterrupted(ctx, err); codeOf(err) != exitInterrupted {
			t.Errorf("it ends with %d, %v", codeOf(err), err)
		}
	}
}
