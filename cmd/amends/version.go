package main

import (
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
	fmt.Printf("amends %s (%s, nats-server %s", version, runtime.Version(), embedded.ServerVersion)
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				fmt.Printf(", %.12s", s.Value)
			}
		}
	}
	fmt.Println(")")
	return nil
}
