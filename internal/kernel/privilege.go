// SPDX-License-Identifier: Apache-2.0

// Package kernel answers what this kernel and this process can do: release,
// capabilities, and system calls that take process IDs.
package kernel

import (
	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// PtraceRemedy says how to be shown the namespaces of other users' processes,
// which needs CAP_SYS_PTRACE in the user namespace of each
// (kernel/ptrace.c, ptrace_has_cap, 6.18).
func PtraceRemedy() string {
	switch {
	case InUserNamespace():
		return "run as root outside of this user namespace"
	case HasCapability(unix.CAP_SYS_PTRACE):
		return "the kernel refuses it even with CAP_SYS_PTRACE"
	}
	return "run as root, or grant CAP_SYS_PTRACE"
}

// AdminRemedy says how to be let into namespaces, which needs CAP_SYS_ADMIN over
// each and in one's own user namespace (kernel/nsproxy.c, validate_nsset, and the
// install function of each type, 6.18).
func AdminRemedy() string {
	switch {
	case InUserNamespace():
		return "run as root outside of this user namespace"
	case HasCapability(unix.CAP_SYS_ADMIN):
		return "the kernel refuses it even with CAP_SYS_ADMIN"
	}
	return "run as root, or grant CAP_SYS_ADMIN"
}

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
