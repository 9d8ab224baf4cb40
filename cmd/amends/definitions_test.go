package main

import (
	"os"
	"path/filepath"
	"testing"
)

// A fault in a definition of one's own is told before anything starts.
func TestAFaultyDefinitionIsTwo(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "mine.yaml"), []byte("name: mine\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"serve"}, {"orchestrator"}} {
		if _, code := amends(t, append(args, "--definitions", folder)...); code != int(exitUsage) {
			t.Errorf("%v exits with %d", args, code)
		}
	}
}
