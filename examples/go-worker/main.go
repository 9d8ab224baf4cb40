// Command go-worker is a worker of the made-up service "loyalty" on the kit of this
// repository: the rules stand in ledger.go, and everything else is the kit's.
package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"

	"amends/store"
	"amends/worker"

	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"
)

// What others have to know of the service: its name, which is also its queue group,
// its subjects, and the bucket that it remembers in.
const (
	service       = "loyalty"
	subjectGrant  = "loyalty.grant"
	subjectRevoke = "loyalty.revoke"
	bucket        = "LOYALTY"
)

func main() {
	log := zerolog.New(os.Stderr)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, log); err != nil {
		log.Error().Err(err).Msg("the worker ends")
		os.Exit(1)
	}
}

// run works until ctx ends, and answers what is in work then.
func run(ctx context.Context, log zerolog.Logger) (err error) {
	url := os.Getenv("NATS_URL")
	if url == "" {
		url = nats.DefaultURL
	}
	// Without a reconnect buffer: what cannot be sent now is never sent later.
	nc, err := nats.Connect(url, nats.Name(service), nats.MaxReconnects(-1), nats.RetryOnFailedConnect(true), nats.ReconnectBufSize(-1))
	if err != nil {
		return err
	}
	defer nc.Close()
	writer, err := store.NewWriter(nc, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, writer.Close()) }()
	grants := worker.NewBook[Grant](bucket)
	loyalty, err := worker.New(worker.Config{Conn: nc, Writer: writer, Log: log}, service, grants,
		worker.Act(subjectGrant, grants, give),
		worker.Undo(subjectRevoke, grants, takeBack),
	)
	if err != nil {
		return err
	}
	if err := loyalty.Start(ctx); err != nil {
		return err
	}
	<-ctx.Done()
	return loyalty.Stop(context.WithoutCancel(ctx))
}
