package main

import (
	"os"
	"strings"
	"testing"
)

// errorsOf runs a command line and returns what it printed to stderr, and its exit
// code.
func errorsOf(t *testing.T, args ...string) (stderr string, code int) {
	t.Helper()
	file, err := os.CreateTemp(t.TempDir(), "stderr")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	before := os.Stderr
	os.Stderr = file
	defer func() { os.Stderr = before }()
	code = run(args)
	text, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(text), code
}

// A script that reads nothing must not take it for an answer.
func TestALostStdoutIsOne(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("this machine has no device that is always full")
	}
	defer full.Close()
	system(t)
	amends(t, "checkout", "start", "c1")
	before := os.Stdout
	os.Stdout = full
	defer func() { os.Stdout = before }()
	for _, args := range []string{
		"version", "--version", "checkout start c2", "checkout start c1 --json", "checkout status c1", "checkout status c1 --json",
		"checkout watch c1", "checkout watch c1 --json", "checkout incidents", "checkout plan cancel c1", "checkout list",
		"checkout definitions", "checkout cancel --status COMPLETED --yes", "catalog list", "audit",
	} {
		said, code := errorsOf(t, strings.Fields(args)...)
		if code != int(exitInternal) || strings.Count(said, "no space left on device") != 1 {
			t.Errorf("amends %s: exit code %d, said %q", args, code, said)
		}
	}
}
