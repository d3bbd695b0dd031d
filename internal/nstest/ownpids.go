// SPDX-License-Identifier: Apache-2.0

package nstest

import (
	"os"
	"os/exec"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

const ownPIDs = "NSTEST_OWN_PIDS" // the name of the test that runs in a PID namespace of its own

// OwnPIDs has a test run in a PID namespace of its own, with its /proc, so that no other
// process comes or goes meanwhile. It returns true there. Here it waits for that run to end,
// fails as that does, and returns false: the test returns then. It takes root.
func OwnPIDs(t *testing.T) bool {
	t.Helper()
	if os.Getenv(ownPIDs) == t.Name() {
		if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
			t.Fatalf("mount /proc of the PID namespace: %v", err)
		}
		return true
	}
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v", "-test.count=1")
	cmd.Env = append(os.Environ(), ownPIDs+"="+t.Name())
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWPID, Unshareflags: unix.CLONE_NEWNS, Pdeathsig: unix.SIGKILL,
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v in its PID namespace:\n%s", err, out)
	}
	t.Logf("%s", out)
	return false
}
