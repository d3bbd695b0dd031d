// SPDX-License-Identifier: Apache-2.0

package host

import (
	"os"
	"slices"

	"github.com/nsinspect/nsinspect/internal/kernel"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// InitialNamespaces returns the namespaces the kernel started with, which are the
// host's own. They have fixed inode numbers, but for net and mnt before 6.18: in these
// kthreadd lives and never leaves (kernel/kthread.c, 6.18). Reading its links needs
// CAP_SYS_PTRACE; without it there is, for net, a sysctl that the kernel registers in its first
// network namespace alone.
func (h *Host) InitialNamespaces() (initial [ns.NumTypes]uint64) {
	kthreadd := h.IsKernelThread(2)
	for t := range ns.NumTypes {
		if kthreadd && changedInitial(t) {
			if typ, inode, err := h.NamespaceAt("/proc/2/ns/" + t.String()); err == nil && typ == t {
				initial[t] = inode
				continue
			}
		}
		if fixedInitial(t, h.Kernel()) {
			initial[t] = t.InitialInode()
		}
	}
	if initial[ns.Net] == 0 && h.live && ownNetIsInitial() {
		if _, inode, err := h.NamespaceAt("/proc/self/ns/net"); err == nil {
			initial[ns.Net] = inode
		}
	}
	return initial
}

// changedInitial reports whether the initial namespace of a type has a fixed inode number only
// since 6.18 (include/linux/proc_ns.h, 5.10 and 6.18).
func changedInitial(t ns.Type) bool { return t == ns.Net || t == ns.Mnt }

// fixedInitial reports whether the kernel gives the initial namespace of a type
// a fixed inode number: always, but for net and mnt before 6.18.
func fixedInitial(t ns.Type, release string) bool {
	if !changedInitial(t) {
		return true
	}
	r, ok := kernel.ParseRelease(release)
	return ok && r.AtLeast(6, 18)
}

// ownNetIsInitial reports whether the caller is in the initial network
// namespace: only there does net.core have the settings of the whole machine
// (net/core/sysctl_net_core.c, net_core_table, 5.10 to 6.18).
func ownNetIsInitial() bool {
	_, err := os.Stat("/proc/sys/net/core/netdev_max_backlog")
	return err == nil
}

// IsKernelThread reports whether a PID is one, by PF_KTHREAD in the flags of
// /proc/PID/stat (include/linux/sched.h). Only the initial PID namespace has any.
func (h *Host) IsKernelThread(pid ns.TaskID) bool {
	const pfKthread = 0x00200000
	st, err := h.ReadStat(pid.String())
	return err == nil && st.Flags&pfKthread != 0
}

// LacksType reports whether a task's directory of namespace links has some, and none
// of a type.
func (h *Host) LacksType(dir string, t ns.Type) bool {
	links, err := h.ReadDir(dir)
	return err == nil && len(links) > 0 &&
		!slices.ContainsFunc(links, func(e os.DirEntry) bool { return e.Name() == t.Links()[0] })
}
