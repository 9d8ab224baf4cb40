// Command amends runs durable sagas for checkouts on NATS JetStream: the whole
// system in one process, or one role of it per process, and the tools beside it.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// commands is the command line.
type commands struct {
	Demo  demoCommand  `cmd:"" help:"Show checkouts completing, failing and surviving a crash, on a server in a temporary folder."`
	Serve serveCommand `cmd:"" help:"Run everything in one process: NATS server, orchestrator, inventory, payment, shipping, cart, order, HTTP gateway."`

	Checkout checkoutCommand `cmd:"" help:"Start checkouts, see how they stand, and settle what is stuck."`
	Catalog  catalogCommand  `cmd:"" help:"Import and list products and prices."`
	Stdio    stdioCommand    `cmd:"" help:"Speak JSON lines on stdin and stdout, with a whole system in this process."`
	Conform  conformCommand  `cmd:"" help:"Check a worker in any language against the protocol."`
	Audit    auditCommand    `cmd:"" help:"Prove that nothing was charged twice, oversold, lost or forgotten."`
	Chaos    chaosCommand    `cmd:"" help:"Run checkouts while a plan makes things go wrong, and prove that it added up all the same."`
	Bench    benchCommands   `cmd:"" help:"Measure what the system can do, and audit it."`

	NATS         natsCommand     `cmd:"" name:"nats" help:"Run only the embedded NATS server."`
	Orchestrator roleCommand     `cmd:"" help:"Run only the orchestrator, on a NATS elsewhere."`
	Inventory    roleCommand     `cmd:"" help:"Run only the inventory, on a NATS elsewhere."`
	Payment      roleCommand     `cmd:"" help:"Run only the payment service, on a NATS elsewhere."`
	Shipping     shippingCommand `cmd:"" help:"Run only the shipping service, on a NATS elsewhere."`
	Cart         roleCommand     `cmd:"" help:"Run only the cart service, on a NATS elsewhere."`
	Order        roleCommand     `cmd:"" help:"Run only the order service (domain events, order.get, order.list), on a NATS elsewhere."`

	Gateway gatewayCommand `cmd:"" help:"Run the HTTP gateway, on a NATS elsewhere."`

	Version     versionCommand `cmd:"" help:"Print the version."`
	VersionFlag versionFlag    `name:"version" help:"Print the version."`
	Log         logFlags       `embed:"" prefix:"log-" group:"Log"`
}

// benchCommands are what can be measured.
type benchCommands struct {
	Checkout  benchCommand          `cmd:"" default:"withargs" help:"Measure checkouts per second (default)."`
	Inventory benchInventoryCommand `cmd:"" help:"Measure a flash sale: reservations of one hot SKU, and of many."`
}

func main() {
	tuneMemory()
	os.Exit(run(os.Args[1:]))
}

// run parses the command line, runs the command and returns the exit code.
func run(args []string) int {
	stdout = &output{to: os.Stdout}
	var cli commands
	parser, err := kong.New(&cli,
		kong.Name("amends"), kong.UsageOnError(), kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Writers(stdout, os.Stderr), kong.Exit(func(int) { os.Exit(report(nil)) }), // after --help
		kong.Description("Durable sagas for checkouts: a checkout completes, or makes amends."))
	if err != nil {
		return report(err)
	}
	command, err := parser.Parse(args)
	if err != nil {
		return report(misread(err))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second signal ends the process at once.
	context.AfterFunc(ctx, stop)
	command.BindTo(ctx, (*context.Context)(nil))
	err = command.Run(cli.Log.logger(os.Stderr), roleName(command.Command()))
	return report(orInterrupted(ctx, err))
}

// misread says of a command line that is not understood where it is explained:
// with the command that was meant, as far as it was understood.
func misread(err error) error {
	if errors.Is(err, errVersionShown) {
		return nil
	}
	command := "amends"
	if parsing, ok := errors.AsType[*kong.ParseError](err); ok && parsing.Context != nil {
		for _, part := range parsing.Context.Path {
			if part.Command != nil {
				command = part.Command.FullPath()
			}
		}
	}
	return &exitError{exitUsage, fmt.Errorf("%w; see %s --help", err, command)}
}

// report prints an error for people and returns its exit code. That the output of
// the command was lost is an error, too, and graver than what it would have told.
func report(err error) int {
	code := codeOf(err)
	if coded, ok := errors.AsType[*exitError](err); ok {
		err = coded.cause
	}
	if lost := stdout.err(); lost != nil {
		code = exitInternal
		if !errors.Is(err, lost) {
			err = errors.Join(err, lost)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "amends:", err)
	}
	return int(code)
}
