package embedded_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"amends/embedded"
	"amends/protocol"

	"github.com/rs/zerolog"
)

// patience is how long a test waits for something that must happen.
const patience = 30 * time.Second

func config(t *testing.T, data string) embedded.Config {
	return embedded.Config{
		Server:      &embedded.ServerConfig{Data: data, Durability: embedded.Interval, Log: zerolog.New(zerolog.NewTestWriter(t)).Level(zerolog.WarnLevel)},
		Development: true, Log: zerolog.New(zerolog.NewTestWriter(t)).Level(zerolog.WarnLevel),
	}
}

func start(t *testing.T, cfg embedded.Config) *embedded.App {
	t.Helper()
	app := embedded.New(cfg)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := app.Start(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, app) })
	return app
}

func stop(t *testing.T, app *embedded.App) {
	t.Helper()
	if err := app.Stop(context.Background()); err != nil {
		t.Error(err)
	}
}

// ask starts a checkout over a connection inside the process.
func ask(t *testing.T, app *embedded.App, sagaID, user string) protocol.Outcome {
	t.Helper()
	nc, err := app.Conn(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	body := fmt.Sprintf(`{"saga_id":"%s","user_id":"%s","items":[{"sku":"abc123","quantity":2}],"shipping_address":"123 Main St"}`, sagaID, user)
	m, err := nc.Request(protocol.SubjectStart, []byte(body), patience)
	if err != nil {
		t.Fatal(err)
	}
	var out protocol.Outcome
	if err := json.Unmarshal(m.Data, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// U5: everything in one process, without a port; what it knows outlives it.
func TestEverythingInOneProcess(t *testing.T) {
	data := filepath.Join(t.TempDir(), "nats")
	app := start(t, config(t, data))
	first := ask(t, app, "c1", "u42")
	if first.Status != "COMPLETED" {
		t.Errorf("answered %+v", first)
	}
	if declined := ask(t, app, "c2", "u999"); declined.Status != "ABORTED" {
		t.Errorf("answered %+v", declined)
	}
	stop(t, app)
	again := start(t, config(t, data))
	if repeated := ask(t, again, "c1", "u42"); repeated.OrderID != first.OrderID {
		t.Errorf("before the restart %+v, after it %+v", first, repeated)
	}
}

// The NATS server itself would let two processes ruin one folder.
func TestAFolderHasOneServer(t *testing.T) {
	data := filepath.Join(t.TempDir(), "nats")
	start(t, config(t, data))
	second := embedded.New(config(t, data))
	err := second.Start(t.Context())
	if err == nil || !strings.Contains(err.Error(), "is in use by another process") {
		t.Errorf("got %v", err)
	}
}

func TestAnAddressThatCannotBeIsToldAtOnce(t *testing.T) {
	cfg := config(t, t.TempDir())
	cfg.Server.Listen = "nowhere"
	err := embedded.New(cfg).Start(t.Context())
	if err == nil || !strings.Contains(err.Error(), "give host:port") {
		t.Errorf("got %v", err)
	}
}

// A port that is taken is told at once, not after a time-out.
func TestAPortThatIsTakenIsToldAtOnce(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	cfg := config(t, t.TempDir())
	cfg.Server.Listen = taken.Addr().String()
	cfg.Server.Log = zerolog.Nop()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	err = embedded.New(cfg).Start(ctx)
	if err == nil || ctx.Err() != nil || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("got %v", err)
	}
}

// S3-17: a role that starts before NATS waits for it.
func TestARoleWaitsForNATS(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	app := embedded.New(embedded.Config{
		Roles: []embedded.Role{embedded.Payment}, Access: embedded.Access{URL: "nats://127.0.0.1:1"}, Log: zerolog.Nop(),
	})
	err := app.Start(ctx)
	if err == nil || !strings.Contains(err.Error(), "connecting to NATS") || ctx.Err() == nil {
		t.Errorf("got %v before it was told to give up", err)
	}
}

// Killed roles hand nothing back, and yet nothing is lost.
func TestAKilledAppLosesNothing(t *testing.T) {
	data := filepath.Join(t.TempDir(), "nats")
	app := start(t, config(t, data))
	ask(t, app, "c1", "u42")
	app.Kill()
	again := start(t, config(t, data))
	if out := ask(t, again, "c1", "u42"); out.Status != "COMPLETED" {
		t.Errorf("answered %+v", out)
	}
}
