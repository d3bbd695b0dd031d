// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// Call is what moved, or tried to move, a thread into other namespaces.
type Call uint8

// The calls. Clone stands for clone3 and fork-like calls too. A Move is a change
// of namespaces by a call that the tier in use does not identify.
const (
	Setns Call = iota + 1
	Unshare
	Clone
	Move
	numCalls
)

var callNames = [numCalls]string{Setns: "setns", Unshare: "unshare", Clone: "clone", Move: "move"}

// String returns the call's name, "setns".
func (c Call) String() string {
	if c == 0 || c >= numCalls {
		return fmt.Sprintf("Call(%d)", uint8(c))
	}
	return callNames[c]
}

// NS is one namespace: its nsfs inode, 0 if unknown, and for a network namespace
// its cookie, 0 if unknown (before Linux 5.12).
type NS struct {
	Inode  uint64
	Cookie uint64
}

// is reports whether two are the same, as far as is known.
func (n NS) is(other NS) bool {
	return n.Inode == other.Inode && (n.Cookie == other.Cookie || n.Cookie == 0 || other.Cookie == 0)
}

// Set is the namespaces of a thread by type, as scan.Net. For PID and Time they
// are those that its next children get: setns and unshare change no other.
type Set [8]NS

// ViaKind is what kind of file a setns was given.
type ViaKind string

// The kinds of files.
const (
	ViaNone  ViaKind = ""      // no open file, or unknown
	ViaNSFS  ViaKind = "nsfs"  // a namespace file
	ViaPidfd ViaKind = "pidfd" // a process
	ViaOther ViaKind = "other" // neither: setns refuses it
)

// Via is the file that a setns was given.
type Via struct {
	Kind ViaKind
	// Path is the mount point through which a namespace file was opened, such as
	// "/run/netns/blue", as the mount tree of that mount has it. It begins with
	// "…/" if it was too long to be recorded whole. For one opened in /proc/PID/ns it
	// is the kernel's own text, "net:[4026532177]". Of another file it is its own path,
	// "/etc/passwd", and "" for one that has none, as a pipe.
	Path string
	PID  int // the process of a pidfd; 0 if it has ended or this PID namespace does not show it
}

// Target is what a setns was to enter, read from the file, also where the call failed.
type Target struct {
	// Type is the type of a namespace file's namespace. Of a pidfd all types named
	// by Event.Flags are targets.
	Type ns.Type
	NS   Set
}

// Event is one call, made by one thread. PID, TID, PPID and Child are as the
// tracer's PID namespace numbers them, 0 for what it does not show.
type Event struct {
	Call     Call
	Time     time.Time     // when it was called
	Boot     time.Duration // the same since boot, by the kernel's CLOCK_BOOTTIME: nobody sets that clock
	Duration time.Duration // until it was done; of a Clone until the child was there; 0 if unknown
	PID      int
	TID      int
	PPID     int
	Child    int        // of a Clone, the new thread; 0 if none was made
	Comm     string     // see HasCall
	UID      int        // effective, as the initial user namespace numbers it; -1 if unknown
	Flags    Flags      // as passed; of a setns its nstype
	FD       int        // of a setns; -1 for others
	Via      Via        // of a setns
	Target   Target     // of a setns; zero if the file is no namespace
	Ret      int64      // -1 if it failed
	Errno    unix.Errno // 0 if it did not fail; see Interrupted
	Reason   Reason     // of a call that failed, where it is known
	ABI      string     // "x86_64", "i386", "x32", "arm64", "arm"; see HasCall
	From, To Set        // before and after; of a Clone, of the caller and of the child
	Partial  bool       // the tracer saw only its end: Time is the end's, From unknown of a setns and unshare that did not fail
	Caller   Caller     // zero without Options.Identify
	// Refused is a call that a seccomp filter or its supervisor refused before the
	// kernel looked at it. One answered by a signal, which ends the process as a rule,
	// has no Errno.
	Refused bool
	// Answered is a call that one of these let return without an error, by Ret. The
	// kernel did not make it: it changed nothing.
	Answered bool
}

// Caller is what the kernel had of a caller at its call, and what nobody else can have
// once the process has ended.
type Caller struct {
	Program  File // that it executes; zero for none
	Parent   File // that its parent does
	Unlinked bool // Program has no name any more, or never had one, as a file of memfd_create(2)
	// Root is true if its real, effective and saved user are root, in the initial user
	// namespace.
	Root bool
	// Cgroup is its cgroup of version 2, by inode, and CgroupV1 that in Options.Hierarchy;
	// 0 for none. The kernel gives such a number once.
	Cgroup, CgroupV1 uint64
}

// File is a file by its inode, and by the device of its superblock as the third field of
// mountinfo has it, which stat(2) returns on most file systems.
type File struct{ Device, Inode uint64 }

// HasCall reports whether the tier recorded the call. Tier 4 records where a thread is: how
// it came there, by which flags, what was returned and how long it took is unknown then, and a
// Comm that is empty too.
func (e *Event) HasCall() bool { return e.ABI != "" }

// Failed reports whether the call was refused, and changed nothing.
func (e *Event) Failed() bool { return (e.Errno != 0 || e.Refused) && e.Interrupted() == "" }

// Succeeded reports whether the call did what it was to do.
func (e *Event) Succeeded() bool { return e.Errno == 0 && !e.Refused && !e.Answered }

// Interrupted returns "ERESTARTSYS" or the like for a call that a signal came in before it was
// done, "" for others. It changed nothing, and its Errno is of the kernel's own use: once
// the signal is handled the kernel makes the call again, which is another event, or the
// program gets EINTR (arch_do_signal_or_restart, arch/x86/kernel/signal.c, 6.18).
func (e *Event) Interrupted() string {
	switch e.Errno { // the kernel's own error numbers for that (include/linux/errno.h)
	case 512:
		return "ERESTARTSYS"
	case 513:
		return "ERESTARTNOINTR"
	case 514:
		return "ERESTARTNOHAND"
	case 516:
		return "ERESTART_RESTARTBLOCK"
	}
	return ""
}

// Types returns the types that the call was about, in listing order: net always,
// those whose flags were passed, and what a setns without a type was to enter.
func (e *Event) Types() []ns.Type {
	types := make([]ns.Type, 0, 8)
	for _, t := range ns.Types() {
		entered := e.Call == Setns && e.Via.Kind == ViaNSFS && e.Target.NS[t].Inode != 0
		if t == ns.Net || e.Flags&FlagOf(t) != 0 || entered || e.Moved(t) {
			types = append(types, t)
		}
	}
	return types
}

// Moved reports whether the call ended with another namespace of a type. Where
// the start is unknown, its flags decide.
func (e *Event) Moved(t ns.Type) bool {
	if !e.Succeeded() || e.To[t].Inode == 0 {
		return false
	}
	if e.From[t].Inode == 0 {
		return e.Flags&FlagOf(t) != 0
	}
	return !e.To[t].is(e.From[t])
}

// Flags are those of unshare, clone and setns.
type Flags uint64

// flagNames has the flags of unshare, clone, clone3 and setns, but for the exit
// signal in clone's low byte (include/uapi/linux/sched.h, 6.18).
var flagNames = []struct {
	flag Flags
	name string
}{
	{unix.CLONE_NEWNET, "CLONE_NEWNET"}, {unix.CLONE_NEWNS, "CLONE_NEWNS"}, {unix.CLONE_NEWUSER, "CLONE_NEWUSER"},
	{unix.CLONE_NEWPID, "CLONE_NEWPID"}, {unix.CLONE_NEWIPC, "CLONE_NEWIPC"}, {unix.CLONE_NEWUTS, "CLONE_NEWUTS"},
	{unix.CLONE_NEWCGROUP, "CLONE_NEWCGROUP"}, {unix.CLONE_NEWTIME, "CLONE_NEWTIME"},
	{unix.CLONE_VM, "CLONE_VM"}, {unix.CLONE_FS, "CLONE_FS"}, {unix.CLONE_FILES, "CLONE_FILES"},
	{unix.CLONE_SIGHAND, "CLONE_SIGHAND"}, {unix.CLONE_PIDFD, "CLONE_PIDFD"}, {unix.CLONE_PTRACE, "CLONE_PTRACE"},
	{unix.CLONE_VFORK, "CLONE_VFORK"}, {unix.CLONE_PARENT, "CLONE_PARENT"}, {unix.CLONE_THREAD, "CLONE_THREAD"},
	{unix.CLONE_SYSVSEM, "CLONE_SYSVSEM"}, {unix.CLONE_SETTLS, "CLONE_SETTLS"},
	{unix.CLONE_PARENT_SETTID, "CLONE_PARENT_SETTID"}, {unix.CLONE_CHILD_CLEARTID, "CLONE_CHILD_CLEARTID"},
	{unix.CLONE_DETACHED, "CLONE_DETACHED"}, {unix.CLONE_UNTRACED, "CLONE_UNTRACED"},
	{unix.CLONE_CHILD_SETTID, "CLONE_CHILD_SETTID"}, {unix.CLONE_IO, "CLONE_IO"},
	{unix.CLONE_CLEAR_SIGHAND, "CLONE_CLEAR_SIGHAND"}, {unix.CLONE_INTO_CGROUP, "CLONE_INTO_CGROUP"},
}

const cloneThread Flags = unix.CLONE_THREAD

// FlagOf returns the flag of a namespace type, CLONE_NEWNET for ns.Net.
func FlagOf(t ns.Type) Flags { return Flags(t.Flag()) }

// Names returns the flags by name, those of namespaces first; what has no name
// comes last, as a hexadecimal number.
func (f Flags) Names() []string {
	names := []string{}
	for _, n := range flagNames {
		if f&n.flag != 0 {
			names = append(names, n.name)
			f &^= n.flag
		}
	}
	if f != 0 {
		names = append(names, fmt.Sprintf("%#x", uint64(f)))
	}
	return names
}

// String returns the flags as strace prints them: "CLONE_NEWNET|CLONE_NEWNS", or
// "0" for none.
func (f Flags) String() string {
	if f == 0 {
		return "0"
	}
	return strings.Join(f.Names(), "|")
}

// Types returns the namespace types that the flags name.
func (f Flags) Types() []ns.Type {
	return slices.DeleteFunc(ns.Types(), func(t ns.Type) bool { return f&FlagOf(t) == 0 })
}

// Loss counts the calls of one kind that were not recorded, since the tracer opened.
type Loss struct {
	// Kind is "setns", "unshare", "clone", or "unknown" for what was missed before
	// it was known what it was.
	Kind  string
	Total uint64
	// Known is false where the tier in use cannot count what it loses.
	Known bool
}
