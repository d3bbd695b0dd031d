// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// InitialNamespaces returns the namespaces the kernel started with, which are the
// host's own: kthreadd lives in them and never leaves (kernel/kthread.c, 6.18).
// Reading its links needs CAP_SYS_PTRACE; without it there are the fixed inode
// numbers, which net and mnt have since 6.18 only, and for net a sysctl that
// the kernel registers in its first network namespace alone.
func (h *Host) InitialNamespaces() (initial [numTypes]uint64) {
	kthreadd := h.isKernelThread(2)
	for t := range numTypes {
		if kthreadd {
			if typ, inode, err := h.namespaceAt("/proc/2/ns/" + t.String()); err == nil && typ == t {
				initial[t] = inode
				continue
			}
		}
		if fixedInitial(t, h.Kernel()) {
			initial[t] = t.InitialInode()
		}
	}
	if initial[Net] == 0 && h.live && ownNetIsInitial() {
		if _, inode, err := h.namespaceAt("/proc/self/ns/net"); err == nil {
			initial[Net] = inode
		}
	}
	return initial
}

// fixedInitial reports whether the kernel gives the initial namespace of a type
// a fixed inode number: always, but for net and mnt before 6.18.
func fixedInitial(t Type, release string) bool {
	if t != Net && t != Mnt {
		return true
	}
	var major, minor int
	_, err := fmt.Sscanf(release, "%d.%d", &major, &minor)
	return err == nil && (major > 6 || major == 6 && minor >= 18)
}

// ownNetIsInitial reports whether the caller is in the initial network
// namespace: only there does net.core have the settings of the whole machine
// (net/core/sysctl_net_core.c, net_core_table, 5.10 to 6.18).
func ownNetIsInitial() bool {
	_, err := os.Stat("/proc/sys/net/core/netdev_max_backlog")
	return err == nil
}

// isKernelThread reports whether a PID is one, by PF_KTHREAD in the flags of
// /proc/PID/stat (include/linux/sched.h). Only the initial PID namespace has any.
func (h *Host) isKernelThread(pid int) bool {
	const pfKthread = 0x00200000
	st, err := h.readStat(strconv.Itoa(pid))
	return err == nil && st.flags&pfKthread != 0
}

// What a blind spot says was hidden.
var (
	ErrOtherPIDNS = errors.New("only the processes of this PID namespace can be seen")
	ErrHidepid    = errors.New("mounted with hidepid: other users' processes are hidden")
)

// blindSpots are gaps that no single read meets: processes that /proc does not
// even list.
func blindSpots(h *Host, types []Type) []Gap {
	gaps := missingTypes(h, types)
	if !h.procfs {
		return gaps
	}
	switch {
	case h.live && hidden(h): // kernel threads, too: it is not told which PID namespace this is
		gaps = append(gaps, Gap{"process", "/proc", ErrHidepid})
	case !h.isKernelThread(2):
		gaps = append(gaps, Gap{"process", strings.TrimRight(h.root, "/") + "/proc", ErrOtherPIDNS})
	}
	return gaps
}

// NoTypeError says that the kernel was built without a type of namespaces.
type NoTypeError struct{ Type Type }

func (e NoTypeError) Error() string {
	return fmt.Sprintf("this kernel has no %s namespaces (CONFIG_%s_NS)", e.Type, strings.ToUpper(e.Type.String()))
}

// missingTypes are gaps of the types wanted that the kernel does not have: /proc
// shows no links of them then, of nobody (fs/proc/namespaces.c, ns_entries, 5.10).
func missingTypes(h *Host, types []Type) []Gap {
	dir := "/proc/1/ns"
	if h.live {
		dir = "/proc/self/ns"
	}
	var gaps []Gap
	for _, t := range types {
		if h.procfs || t == Net { // what was recorded of the others is not known
			if h.lacks(dir, t) {
				gaps = append(gaps, Gap{"process", path.Join(dir, t.String()), NoTypeError{t}})
			}
		}
	}
	return gaps
}

// lacks reports whether a task's directory of namespace links has some, and none
// of a type.
func (h *Host) lacks(dir string, t Type) bool {
	links, err := h.readDir(dir)
	return err == nil && len(links) > 0 &&
		!slices.ContainsFunc(links, func(e os.DirEntry) bool { return e.Name() == t.Links()[0] })
}

// hidden reports whether /proc is mounted so that processes the caller may not
// trace are left out of it (fs/proc/base.c, has_pid_permissions, 6.18).
func hidden(h *Host) bool {
	if hasCapability(unix.CAP_SYS_PTRACE) {
		return false // before a mount table of any length is parsed for it
	}
	f, err := h.readFile("/proc/self/mountinfo")
	if err != nil {
		return false // its own gap, from the source mount
	}
	defer f.Close()
	mounts, _ := parseMountInfo(f) // as above
	var proc *mountinfo.Info
	for _, m := range mounts {
		if m.Mountpoint == "/proc" {
			proc = m
		}
	}
	return proc != nil && hides(proc.VFSOptions, inGroup)
}

// hides reports whether proc's mount options leave processes out for a member of
// the given groups. The members of its group, 0 if no other is named, see all
// unless only what may be traced is shown.
func hides(options string, inGroup func(gid int) bool) bool {
	invisible, gid := false, 0
	for opt := range strings.SplitSeq(options, ",") {
		switch opt {
		case "hidepid=4", "hidepid=ptraceable":
			return true
		case "hidepid=2", "hidepid=invisible":
			invisible = true
		}
		if text, ok := strings.CutPrefix(opt, "gid="); ok {
			n, err := strconv.Atoi(text)
			if err != nil {
				return true // cannot happen
			}
			gid = n
		}
	}
	return invisible && !inGroup(gid)
}

// inGroup reports whether this process is a member of a group.
func inGroup(gid int) bool {
	groups, err := os.Getgroups()
	return os.Getegid() == gid || err == nil && slices.Contains(groups, gid)
}
