//go:build !linux

package chaos_test

import "os/exec"

// dieWithParent does nothing: only Linux can do this.
func dieWithParent(*exec.Cmd) {}
