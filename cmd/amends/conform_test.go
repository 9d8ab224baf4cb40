package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"amends/conformance"
)

// A build decides by the exit code whether a worker conforms.
func TestConform(t *testing.T) {
	system(t)
	file := filepath.Join(t.TempDir(), "bank.yaml")
	text, err := os.ReadFile("../../conformance/profiles/payment.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	nobody := filepath.Join(t.TempDir(), "nobody.yaml")
	if err := os.WriteFile(nobody, []byte(strings.ReplaceAll(string(text), "payment.", "nobody.")), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		args []string
		code exitCode
		out  string
	}{
		{"ours", []string{"--service", "shipping"}, exitOK, "shipping: "},
		{"a profile of one's own", []string{"--profile", file}, exitOK, "PASS  C15"},
		{"nobody is there", []string{"--profile", nobody}, exitInternal, "nobody listens on nobody.refund"},
		{"the evidence", []string{"--service", "payment", "-v"}, exitOK, "> payment.charge {"},
		{"an unknown service", []string{"--service", "loyalty"}, exitUsage, ""},
		{"no service", nil, exitUsage, ""},
		{"two services", []string{"--service", "payment", "--profile", file}, exitUsage, ""},
		{"a restart that fails", []string{"--service", "payment", "--restart", "exit 3"}, exitInternal, `"exit 3": exit code 3`},
		{"no server", []string{"--service", "payment", "--nats", "nats://127.0.0.1:1"}, exitNoNATS, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, code := amends(t, append([]string{"conform"}, c.args...)...)
			if code != int(c.code) || !strings.Contains(out, c.out) {
				t.Errorf("exit code %d, want %d; printed %s", code, c.code, out)
			}
		})
	}
	out, code := amends(t, "conform", "--service", "inventory", "--json")
	var report conformance.Report
	if err := json.Unmarshal([]byte(out), &report); err != nil || code != int(exitOK) || report.Passed < 20 {
		t.Errorf("exit code %d, %v: %s", code, err, out)
	}
	// What was tried and undone is nothing to the audit.
	if out, code := amends(t, "audit"); code != int(exitOK) {
		t.Errorf("the audit exits with %d: %s", code, out)
	}
}
