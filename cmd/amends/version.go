package main

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"

	"amends/embedded"
)

// version is set by the linker of a release.
var version = "devel"

// versionCommand prints what this binary is.
type versionCommand struct{}

func (versionCommand) Run() error {
	text := fmt.Sprintf("amends %s (%s, nats-server %s", version, runtime.Version(), embedded.ServerVersion)
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				text += fmt.Sprintf(", %.12s", s.Value)
			}
		}
	}
	fmt.Fprintln(stdout, text+")")
	return nil
}

// versionFlag does the same, whatever else the command line has.
type versionFlag bool

// errVersionShown ends the reading of the command line: nothing is left to do.
var errVersionShown = errors.New("the version is shown")

// BeforeReset is called by kong as soon as it has seen the flag.
func (versionFlag) BeforeReset() error {
	return errors.Join(versionCommand{}.Run(), errVersionShown)
}
