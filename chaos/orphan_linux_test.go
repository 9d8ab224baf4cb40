package chaos_test

import (
	"os/exec"
	"syscall"
)

// dieWithParent has the kernel kill the process when the tests end in a way that
// runs no cleanup, such as their own time-out.
func dieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
