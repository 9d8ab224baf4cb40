package main

import (
	"io"
	"os"
	"strings"

	"amends/embedded"

	"github.com/mattn/go-isatty"
	"github.com/rs/zerolog"
)

// logFlags say what is logged, and how. The log goes to stderr.
type logFlags struct {
	Level  string `enum:"trace,debug,info,warn,error" default:"info" env:"AMENDS_LOG_LEVEL" help:"Least level: ${enum}."`
	Format string `enum:"auto,text,json" default:"auto" env:"AMENDS_LOG_FORMAT" help:"Form: ${enum}; auto is text on a terminal."`
}

func (f logFlags) logger(to *os.File) zerolog.Logger {
	level, err := zerolog.ParseLevel(f.Level)
	if err != nil {
		level = zerolog.InfoLevel
	}
	zerolog.TimeFieldFormat = "2006-01-02T15:04:05.000000Z07:00"
	var out io.Writer = to
	if f.Format == "text" || f.Format == "auto" && isatty.IsTerminal(to.Fd()) {
		out = zerolog.ConsoleWriter{Out: to, TimeFormat: "15:04:05.000"}
	}
	return zerolog.New(out).Level(level).With().Timestamp().Logger()
}

// accessFlags say which NATS to use. Names and environment are those of the
// nats command.
type accessFlags struct {
	NATS    string `name:"nats" short:"s" env:"NATS_URL" placeholder:"URL" help:"URLs of NATS servers; default is the nats context, or this machine."`
	Creds   string `env:"NATS_CREDS" placeholder:"FILE" help:"Credentials file."`
	Context string `env:"NATS_CONTEXT" placeholder:"NAME" help:"Context of the nats command."`
}

func (f accessFlags) access() embedded.Access {
	return embedded.Access{URL: f.NATS, Creds: f.Creds, Context: f.Context}
}

// roleName is the first word of a command, the role for those that are one.
func roleName(command string) embedded.Role {
	name, _, _ := strings.Cut(command, " ")
	return embedded.Role(name)
}
