// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/nsinspect/nsinspect/internal/kernel"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// EnterMounts returns how to run a command among mounts of a user's making: with no more
// rights than that user has in the user namespace that owns them.
func EnterMounts(pid ns.TaskID) string {
	if kernel.InUserNamespace() {
		return "run as root outside of this user namespace"
	}
	return fmt.Sprintf("enter its user namespace with it, as nsenter --target %d %s --mount -- COMMAND does", pid, nsenterUser())
}

// nsenterUser returns the options of nsenter for a user namespace. It calls setgroups there, which
// fails in one of an ordinary user, and for root alone goes on (util-linux 2.38); without it root would
// have no rights there.
func nsenterUser() string {
	if os.Geteuid() != 0 {
		return "--user --preserve-credentials"
	}
	return "--user"
}

// EnterThreaded returns how to enter a namespace that a process of several threads may not,
// which these references lead to.
func EnterThreaded(t ns.Type, refs []string) string {
	pid := "PID"
	if len(refs) == 1 {
		if n, err := strconv.Atoi(strings.TrimPrefix(refs[0], "pid:")); err == nil && n > 0 && n <= 4194304 {
			pid = strconv.Itoa(n)
		}
	}
	option := "--" + t.String()
	if t == ns.User {
		option = nsenterUser()
	}
	return fmt.Sprintf("nsenter --target %s %s -- COMMAND", pid, option)
}
