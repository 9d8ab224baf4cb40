// Command amends runs durable sagas for checkouts on NATS JetStream: the whole
// system in one process, or one role of it per process, and the tools beside it.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/alecthomas/kong"
)

// commands is the command line.
type commands struct {
	Demo  demoCommand  `cmd:"" help:"Show checkouts completing, failing and surviving a crash, on a server in a temporary folder."`
	Serve serveCommand `cmd:"" help:"Run everything in one process: NATS server, orchestrator, inventory, payment, shipping."`

	Checkout checkoutCommand `cmd:"" help:"Start checkouts and see how they stand."`
	Audit    auditCommand    `cmd:"" help:"Prove that nothing was charged twice, oversold, lost or forgotten."`
	Bench    benchCommand    `cmd:"" help:"Measure checkouts per second, and audit them."`

	NATS         natsCommand `cmd:"" name:"nats" help:"Run only the embedded NATS server."`
	Orchestrator roleCommand `cmd:"" help:"Run only the orchestrator, on a NATS elsewhere."`
	Inventory    roleCommand `cmd:"" help:"Run only the inventory, on a NATS elsewhere."`
	Payment      roleCommand `cmd:"" help:"Run only the payment service, on a NATS elsewhere."`
	Shipping     roleCommand `cmd:"" help:"Run only the shipping service, on a NATS elsewhere."`

	Version versionCommand `cmd:"" help:"Print the version."`
	Log     logFlags       `embed:"" prefix:"log-" group:"Log"`
}

// gcPercent lets the heap grow to four times what is live before it is
// collected. What is live is small here, and short-lived messages are many.
const gcPercent = 300

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	os.Exit(run(os.Args[1:]))
}

// run parses the command line, runs the command and returns the exit code.
func run(args []string) int {
	var cli commands
	parser, err := kong.New(&cli,
		kong.Name("amends"), kong.UsageOnError(), kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Description("Durable sagas for checkouts: a checkout completes, or makes amends."))
	if err != nil {
		fmt.Fprintln(os.Stderr, "amends:", err)
		return int(exitInternal)
	}
	command, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(os.Stderr, "amends: %s; see amends --help\n", err)
		return int(exitUsage)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second signal ends the process at once.
	context.AfterFunc(ctx, stop)
	command.BindTo(ctx, (*context.Context)(nil))
	err = command.Run(cli.Log.logger(os.Stderr), roleName(command.Command()))
	return report(err)
}

// report prints an error for people and returns its exit code.
func report(err error) int {
	if err == nil {
		return int(exitOK)
	}
	code := exitInternal
	if coded, ok := errors.AsType[*exitError](err); ok {
		code = coded.code
		err = coded.cause
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "amends:", err)
	}
	return int(code)
}
