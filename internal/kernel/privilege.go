// SPDX-License-Identifier: Apache-2.0

// Package kernel answers what this kernel and this process can do: release,
// capabilities, and system calls that take process IDs.
package kernel

import (
	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// DeniedError is a refusal of what a capability allows. Showing the namespaces of other
// users' processes needs CAP_SYS_PTRACE in the user namespace of each (kernel/ptrace.c,
// ptrace_has_cap, 6.18). Entering a namespace needs CAP_SYS_ADMIN over it and in one's
// own user namespace (kernel/nsproxy.c, validate_nsset, and the install function of
// each type, 6.18).
type DeniedError struct {
	Capability int // unix.CAP_SYS_PTRACE, unix.CAP_SYS_ADMIN
	Err        error
}

func (e *DeniedError) Error() string { return e.Err.Error() }

// Unwrap returns the refusal.
func (e *DeniedError) Unwrap() error { return e.Err }

// MayEnter reports whether the calling thread may enter other namespaces at all.
func MayEnter() bool { return HasCapability(unix.CAP_SYS_ADMIN) }

// InUserNamespace reports whether this process is in another user namespace than
// the first, where capabilities reach only so far.
func InUserNamespace() bool {
	var st unix.Stat_t
	return unix.Stat("/proc/self/ns/user", &st) == nil && st.Ino != ns.User.InitialInode()
}

// HasCapability reports whether the calling thread has a capability in effect.
func HasCapability(capability int) bool {
	var data [2]unix.CapUserData
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	if unix.Capget(&hdr, &data[0]) != nil {
		return false
	}
	return data[capability/32].Effective&(1<<(capability%32)) != 0
}

// capabilities are those that this program needs for something.
var capabilities = []struct {
	number int
	name   string
}{
	{unix.CAP_DAC_READ_SEARCH, "CAP_DAC_READ_SEARCH"}, {unix.CAP_NET_ADMIN, "CAP_NET_ADMIN"}, {unix.CAP_SYS_PTRACE, "CAP_SYS_PTRACE"},
	{unix.CAP_SYS_ADMIN, "CAP_SYS_ADMIN"}, {unix.CAP_PERFMON, "CAP_PERFMON"}, {unix.CAP_BPF, "CAP_BPF"},
}

// Capabilities returns the names of the capabilities that the calling thread has in effect, of
// those that this program needs for something.
func Capabilities() (all []string) {
	for _, c := range capabilities {
		if HasCapability(c.number) {
			all = append(all, c.name)
		}
	}
	return all
}
