package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rs/zerolog"
)

// Whoever replaces a definition of the program, wittingly or not, is told.
func TestAReplacedDefinitionIsTold(t *testing.T) {
	for name, from := range map[string]string{"checkout": "checkout.yaml", "mine": "mine.yml"} {
		folder := t.TempDir()
		text, err := os.ReadFile(filepath.Join("..", "..", "definitions", "checkout.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		text = bytes.Replace(text, []byte("name: checkout"), []byte("name: "+name), 1)
		file := filepath.Join(folder, from)
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		var said bytes.Buffer
		defs, err := (&systemFlags{Definitions: folder}).definitions(zerolog.New(&said))
		if err != nil || defs[name] == nil {
			t.Fatalf("got %v, %v", defs, err)
		}
		if got := strings.Contains(said.String(), `"file":"`+file+`"`); got != (name == "checkout") {
			t.Errorf("%s: the log says %q", name, said.String())
		}
	}
}

func TestAnEmptyFolderOfDefinitionsIsAMistake(t *testing.T) {
	_, err := (&systemFlags{Definitions: t.TempDir()}).definitions(zerolog.Nop())
	if e, ok := errors.AsType[*exitError](err); !ok || e.code != exitUsage {
		t.Errorf("got %v", err)
	}
}

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
