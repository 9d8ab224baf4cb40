package main

import (
	"context"
	"errors"

	"amends/protocol"

	"github.com/nats-io/nats.go"
)

// exitCode is how a command tells a script what happened.
type exitCode int

const (
	exitOK         exitCode = 0
	exitInternal   exitCode = 1
	exitUsage      exitCode = 2
	exitNotFound   exitCode = 3
	exitAborted    exitCode = 4  // compensated cleanly
	exitStuck      exitCode = 5  // an incident is open
	exitRunning    exitCode = 6  // still running when the wait ended
	exitRefused    exitCode = 7  // the input was not taken
	exitOverloaded exitCode = 8  // try again later
	exitNoNATS     exitCode = 9  // cannot reach NATS
	exitViolation  exitCode = 10 // the audit found something
	exitKilled     exitCode = 11 // ended by a person where it stood

	exitInterrupted exitCode = 130 // told to stop before it was done, as a shell has it
)

// gravity sorts exit codes: of what happened to many checkouts, a script is told
// the gravest.
var gravity = []exitCode{
	exitOK, exitRunning, exitNotFound, exitRefused, exitAborted, exitKilled, exitStuck, exitOverloaded, exitNoNATS, exitUsage, exitInternal,
}

// exitError is an error with an exit code. A nil cause prints nothing: what was
// printed already says it.
type exitError struct {
	code  exitCode
	cause error
}

func (e *exitError) Error() string {
	if e.cause == nil {
		return "exit"
	}
	return e.cause.Error()
}

func (e *exitError) Unwrap() error { return e.cause }

// exitOf gives an answer of the service its exit code.
func exitOf(e *protocol.Error) error {
	code := exitRefused
	switch e.Code {
	case protocol.CodeSagaNotFound, protocol.CodeNotFound, protocol.CodeDefinitionUnknown:
		code = exitNotFound
	case protocol.CodeOverloaded:
		code = exitOverloaded
	case protocol.CodeUnavailable:
		code = exitNoNATS
	case protocol.CodeInternal:
		code = exitInternal
	}
	return &exitError{code, e}
}

// exitOfStatus tells a script how a checkout ended.
func exitOfStatus(status string) error {
	switch status {
	case protocol.StatusCompleted:
		return nil
	case protocol.StatusAborted:
		return &exitError{code: exitAborted}
	case protocol.StatusKilled:
		return &exitError{code: exitKilled}
	case protocol.StatusStuck:
		return &exitError{code: exitStuck}
	}
	return &exitError{code: exitRunning}
}

// orInterrupted is the error of a command; of one that was told to stop before it
// was done, that it was.
func orInterrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return &exitError{exitInterrupted, errors.New("interrupted")}
	}
	return err
}

// codeOf is the exit code of an error.
func codeOf(err error) exitCode {
	if err == nil {
		return exitOK
	}
	if coded, ok := errors.AsType[*exitError](err); ok {
		return coded.code
	}
	return exitInternal
}

// exitOfNATS gives an error of a request its exit code.
func exitOfNATS(err error) error {
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return &exitError{exitNoNATS, errors.New("no orchestrator answers; start one with: amends serve")}
	case errors.Is(err, nats.ErrTimeout):
		return &exitError{exitRunning, errors.New("no answer in time; ask again with the same saga_id")}
	case errors.Is(err, nats.ErrNoServers):
		return &exitError{exitNoNATS, errors.New("cannot reach NATS; start it with: amends serve, or name it with --nats URL or NATS_URL")}
	}
	return &exitError{exitNoNATS, err}
}
