// SPDX-License-Identifier: Apache-2.0

// Package need declares what a test needs of the machine. A test whose need is not
// met is skipped with the reason; with NSINSPECT_REQUIRE=all, as CI runs, it
// fails instead, so that nothing goes untested unseen. What a machine cannot have
// (the table Features) is skipped there too, and proven on another.
package need

import (
	"fmt"
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/kernel"
)

// Root needs an effective UID of 0 and CAP_SYS_ADMIN in the capability set, as
// making namespaces and mounts does.
func Root(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		Missing(t, "needs root")
	}
	if !kernel.HasCapability(unix.CAP_SYS_ADMIN) {
		Missing(t, "needs CAP_SYS_ADMIN")
	}
}

// Program needs the named programs in PATH.
func Program(t testing.TB, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := exec.LookPath(name); err != nil {
			Missing(t, fmt.Sprintf("needs the program %s in PATH", name))
		}
	}
}

// Missing skips the test for the given reason, or fails it where
// NSINSPECT_REQUIRE=all requires that this machine has everything.
func Missing(t testing.TB, reason string) {
	t.Helper()
	if os.Getenv("NSINSPECT_REQUIRE") == "all" {
		t.Fatalf("%s, and NSINSPECT_REQUIRE=all forbids to skip", reason)
	}
	t.Skip(reason)
}
