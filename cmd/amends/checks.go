package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
)

// What makes no sense is told before anything starts.

// maxReplicas is the most copies of a stream that JetStream keeps.
const maxReplicas = 5

// misuse is an error of usage.
func misuse(format string, values ...any) error {
	return &exitError{exitUsage, fmt.Errorf(format, values...)}
}

// AfterApply is called by kong when it has read the command line.
func (f *accessFlags) AfterApply() error { return f.check() }

func (f *accessFlags) check() error {
	if err := f.access().Check(); err != nil {
		return &exitError{exitUsage, err}
	}
	return nil
}

// AfterApply takes the place of that of accessFlags.
func (f *clientFlags) AfterApply() error {
	if f.Timeout <= 0 {
		return misuse("--timeout %s leaves no time for an answer; give more, such as 10s", f.Timeout)
	}
	return f.check()
}

// check checks numbers that would be taken for something else.
func (f *systemFlags) check() error {
	switch {
	case f.MaxLive < 1:
		return misuse("--max-live %d lets no saga run; give 1 or more", f.MaxLive)
	case f.Retention < 0:
		return misuse("--retention %s is negative; 0 is for ever", f.Retention)
	}
	return checkReplicas(f.Replicas)
}

func checkReplicas(replicas int) error {
	if replicas < 1 || replicas > maxReplicas {
		return misuse("--replicas %d: a stream has from 1 to %d copies", replicas, maxReplicas)
	}
	return nil
}

// check checks numbers that would be taken for something else. Whether rate is
// less than 0 is asked in a way that NaN does not pass.
func (f *httpFlags) check() error {
	switch {
	case !(f.Rate >= 0):
		return misuse("--http-rate %v makes no sense; 0 is no limit", f.Rate)
	case f.Burst < 0:
		return misuse("--http-burst %d is negative", f.Burst)
	case f.Streams < 0:
		return misuse("--http-streams %d is negative", f.Streams)
	case f.DrainDelay < 0:
		return misuse("--http-drain-delay %s is negative; 0s is none", f.DrainDelay)
	}
	return nil
}

// checkNATSListen checks where a server of this process is to listen; "" is
// nowhere.
func checkNATSListen(address string) error {
	const flag = "--nats-listen"
	if address == "" {
		return nil
	}
	_, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return misuse("%s %q is not host:port, such as 127.0.0.1:4222", flag, address)
	}
	return checkFree(flag, address)
}

// checkFree checks that nobody listens on addresses. If somebody comes between that
// and the start, the start tells it, but not the flag.
func checkFree(flag string, addresses ...string) error {
	for _, address := range addresses {
		listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", address)
		if errors.Is(err, syscall.EADDRINUSE) {
			return fmt.Errorf("%s %s: somebody listens there already; end that, or name another address", flag, address)
		}
		if err == nil {
			err = listener.Close()
		}
		if err != nil {
			return fmt.Errorf("%s %s: %w", flag, address, err)
		}
	}
	return nil
}

// check checks what can be known before the server of this process starts.
func (c *serveCommand) check() error {
	if c.Replicas > 1 {
		return misuse("--replicas %d needs a cluster of as many NATS servers, and this is one; on a cluster run the roles, each with --nats URL", c.Replicas)
	}
	for _, check := range []func() error{c.systemFlags.check, c.checkWindow, func() error { return checkNATSListen(c.NATSListen) }} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}
