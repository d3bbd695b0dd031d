// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"os"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/kernel"
)

// capabilities names those that a remedy may ask for.
var capabilities = [...]string{
	unix.CAP_SYS_PTRACE: "CAP_SYS_PTRACE",
	unix.CAP_SYS_ADMIN:  "CAP_SYS_ADMIN",
}

// Privilege returns how to get what a capability allows.
func Privilege(capability int) string {
	name := capabilities[capability]
	switch {
	case kernel.InUserNamespace():
		return "run as root outside of this user namespace"
	case kernel.HasCapability(capability):
		return "the kernel refuses it even with " + name
	}
	return "run as root, or grant " + name
}

// AsRoot returns a remedy for what is refused to whoever is not root, as the end of a sentence:
// "" where this is root, whom something else refuses it.
func AsRoot() string {
	switch {
	case kernel.InUserNamespace():
		return ": run as root outside of this user namespace"
	case os.Geteuid() == 0:
		return ""
	}
	return ": run as root"
}
