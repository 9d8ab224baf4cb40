package main

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"amends/protocol"

	"github.com/rs/zerolog"
)

// freeAddress is one that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// The gateway serves HTTP in front of a system elsewhere, until it is told to
// stop.
func TestGateway(t *testing.T) {
	app := system(t)
	address := freeAddress(t)
	command := &gatewayCommand{accessFlags{NATS: app.URL()}, httpFlags{Listen: []string{address}}}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- command.Run(ctx, zerolog.Nop()) }()

	var outcome protocol.Outcome
	deadline := time.Now().Add(20 * time.Second)
	for outcome.Status == "" {
		response, err := http.Post("http://"+address+"/v1/checkouts?wait=10s", "application/json", strings.NewReader(
			`{"saga_id":"c1","user_id":"u42","items":[{"sku":"abc123","quantity":2}],"shipping_address":"123 Main St"}`))
		if err != nil && time.Now().Before(deadline) {
			continue // it does not listen yet
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := json.NewDecoder(response.Body).Decode(&outcome); err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
	}
	if outcome.Status != protocol.StatusCompleted {
		t.Errorf("answered %+v", outcome)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// Mistakes are told before anybody waits for NATS.
func TestMistakesOfTheGatewayAreUsage(t *testing.T) {
	t.Setenv("NATS_URL", "nats://127.0.0.1:1")
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, args := range map[string][]string{
		"reach without a token": {"--http-listen", "0.0.0.0:0"},
		"no port":               {"--http-listen", "localhost"},
		"nowhere":               {"--http-listen", "none"},
		"no token file":         {"--http-token-file", filepath.Join(dir, "nothing")},
		"an empty token":        {"--http-token-file", file("empty", "\n")},
		"a short token":         {"--http-token-file", file("short", "secret")},
		"any origin":            {"--http-allow-origin", "*"},
		"unknown flag":          {"--http-port", "80"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, code := amends(t, append([]string{"gateway"}, args...)...); code != int(exitUsage) {
				t.Errorf("exit code %d", code)
			}
		})
	}
}

// The token is what the file holds, without the line break behind it.
func TestTheTokenIsReadFromAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte("correct horse battery staple\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := (&httpFlags{Listen: []string{"0.0.0.0:0"}, TokenFile: path}).config(zerolog.Nop())
	if err != nil || cfg.Token != "correct horse battery staple" || cfg.Check() != nil {
		t.Errorf("read %q, %v, %v", cfg.Token, err, cfg.Check())
	}
}
