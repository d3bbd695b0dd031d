// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"fmt"

	"github.com/nsinspect/nsinspect/internal/kernel"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// EnterMounts returns how to run a command among mounts of a user's making: with no more
// rights than that user has in the user namespace that owns them.
func EnterMounts(pid ns.TaskID) string {
	if kernel.InUserNamespace() {
		return "run as root outside of this user namespace"
	}
	return fmt.Sprintf("enter its user namespace with it, as nsenter --target %d --user --mount -- COMMAND does", pid)
}

// EnterThreaded returns how to enter a namespace that a process of several threads may not.
func EnterThreaded(t ns.Type) string {
	return fmt.Sprintf("nsenter --target PID --%s -- COMMAND", t)
}
