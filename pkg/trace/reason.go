// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"math/bits"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// ReasonKind is why the kernel refused a call.
type ReasonKind string

// The reasons.
const (
	ReasonUnknown    ReasonKind = ""
	ReasonCapability ReasonKind = "capability" // the caller lacks one in a user namespace
	ReasonChroot     ReasonKind = "chroot"     // its root directory is not that of its mount namespace
	ReasonThreads    ReasonKind = "threads"    // its process has other threads
	ReasonSharedFS   ReasonKind = "shared-fs"  // another thread has the same root and working directory
	ReasonSame       ReasonKind = "same"       // it is in that user namespace already
	ReasonLimit      ReasonKind = "limit"      // no more namespaces of a type are allowed
	ReasonDepth      ReasonKind = "depth"      // no deeper one of the type is allowed
)

// Reason is why a call failed, as far as the state of the kernel showed it when the call
// returned. What that does not show, as a security module's decision, leaves it unknown.
type Reason struct {
	Kind       ReasonKind
	Capability string // "CAP_SYS_ADMIN", of ReasonCapability
	Limit      string // the file in /proc/sys/user, "max_net_namespaces", of ReasonLimit
	UserNS     NS     // user namespace of the capability or the limit
}

// facts are what was found of a task as its call failed. The kernel side reads them.
type facts struct {
	noAdminThere, noAdmin, noChroot, threads, sharedFS, chrooted, userDepth, pidDepth bool

	owner  uint64 // user namespace that owns the target of a setns
	full   Flags  // types of which no more are allowed
	fullIn uint64 // by this user namespace
}

// reasonOf returns why a call failed. Where several things forbid it, it returns the one
// that the kernel looks at first.
func reasonOf(e *Event, f *facts) Reason {
	if !e.Failed() || e.Refused {
		return Reason{}
	}
	switch {
	case e.Errno == unix.ENOSPC && e.Call != Setns:
		return limitReason(e, f)
	case e.Call != Setns:
		return makeReason(e, f)
	case e.Via.Kind == ViaNSFS:
		if t := e.Target.Type; e.Flags == 0 || e.Flags == FlagOf(t) {
			return enterReason(e, f, FlagOf(t))
		}
	case e.Via.Kind == ViaPidfd && e.Flags != 0 && e.Flags&^allTypes == 0:
		return enterReason(e, f, e.Flags)
	}
	return Reason{}
}

const (
	allTypes Flags = unix.CLONE_NEWNET | unix.CLONE_NEWNS | unix.CLONE_NEWUSER | unix.CLONE_NEWPID |
		unix.CLONE_NEWIPC | unix.CLONE_NEWUTS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWTIME
	// aloneFlags are those with which unshare wants a process of one thread
	// (check_unshare_flags, kernel/fork.c, 6.18).
	aloneFlags Flags = unix.CLONE_NEWUSER | unix.CLONE_THREAD | unix.CLONE_SIGHAND | unix.CLONE_VM
	// unshareFlags are those that unshare takes.
	unshareFlags = allTypes | aloneFlags | unix.CLONE_FS | unix.CLONE_FILES | unix.CLONE_SYSVSEM
)

func capability(name string, in uint64) Reason {
	return Reason{Kind: ReasonCapability, Capability: name, UserNS: NS{Inode: in}}
}

// makeReason is why an unshare or clone failed (create_user_ns, kernel/user_namespace.c,
// and copy_namespaces, kernel/nsproxy.c, 6.18).
func makeReason(e *Event, f *facts) Reason {
	user, own := e.Flags&FlagOf(ns.User) != 0, e.From[ns.User].Inode
	switch {
	case e.Errno == unix.EPERM && user && f.chrooted:
		return Reason{Kind: ReasonChroot}
	case e.Errno == unix.EPERM && !user && e.Flags&allTypes != 0 && f.noAdmin:
		return capability("CAP_SYS_ADMIN", own)
	case e.Errno == unix.EINVAL && e.Call == Unshare && e.Flags&aloneFlags != 0 && e.Flags&^unshareFlags == 0 && f.threads:
		return Reason{Kind: ReasonThreads}
	}
	return Reason{}
}

// enterReason is why a setns to namespaces of some types failed (the install functions of
// struct proc_ns_operations, 6.18). With a pidfd owners are unknown.
func enterReason(e *Event, f *facts, types Flags) Reason {
	user, own := types&FlagOf(ns.User) != 0, e.From[ns.User].Inode
	switch e.Errno {
	case unix.EPERM:
		switch {
		case f.noAdminThere:
			return capability("CAP_SYS_ADMIN", f.owner)
		case !user && f.noAdmin:
			return capability("CAP_SYS_ADMIN", own)
		case !user && types&FlagOf(ns.Mnt) != 0 && f.noChroot:
			return capability("CAP_SYS_CHROOT", own)
		}
	case unix.EINVAL:
		switch {
		case user && own != 0 && e.Target.NS[ns.User].Inode == own:
			return Reason{Kind: ReasonSame}
		case user && f.threads:
			return Reason{Kind: ReasonThreads}
		case (user || types == FlagOf(ns.Mnt)) && f.sharedFS:
			return Reason{Kind: ReasonSharedFS}
		}
	case unix.EUSERS:
		if types&FlagOf(ns.Time) != 0 && f.threads {
			return Reason{Kind: ReasonThreads}
		}
	}
	return Reason{}
}

// limitReason is why no more namespaces are allowed (inc_ucount, kernel/ucount.c,
// create_user_ns and create_pid_namespace, 6.18). Where two limits are reached, it is
// unknown which one it was.
func limitReason(e *Event, f *facts) Reason {
	deep := f.userDepth && e.Flags&FlagOf(ns.User) != 0 || f.pidDepth && e.Flags&FlagOf(ns.PID) != 0
	full := f.full & e.Flags & allTypes
	switch {
	case deep && full == 0:
		return Reason{Kind: ReasonDepth}
	case deep || bits.OnesCount64(uint64(full)) != 1:
		return Reason{}
	}
	return Reason{Kind: ReasonLimit, Limit: "max_" + full.Types()[0].String() + "_namespaces", UserNS: NS{Inode: f.fullIn}}
}

// limits are the types by the index of their limit (enum ucount_type,
// include/linux/user_namespace.h, 6.18).
var limits = [...]ns.Type{ns.User, ns.PID, ns.UTS, ns.IPC, ns.Net, ns.Mnt, ns.Cgroup, ns.Time}

// limitFlags returns the types of limits, which are bits.
func limitFlags(reached uint32) (f Flags) {
	for i, t := range limits {
		if reached&(1<<i) != 0 {
			f |= FlagOf(t)
		}
	}
	return f
}
