// SPDX-License-Identifier: Apache-2.0

package ns

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Type is a kind of namespace. The zero value is Net.
type Type uint8

// The namespace types of Linux, in the order in which they are listed.
const (
	Net Type = iota
	Mnt
	User
	PID
	IPC
	UTS
	Cgroup
	Time
	NumTypes
)

type typeInfo struct {
	name    string
	flag    int
	links   []string
	initial uint64
}

// types is the one table of what differs between namespace types.
//
// links are the files of /proc/PID/ns that refer to such a namespace: a process
// keeps the one its future children get alive as well as its own.
//
// initial is the inode of the namespace that the kernel starts with, fixed by
// include/uapi/linux/nsfs.h (6.18; before that include/linux/proc_ns.h, which
// left net and mnt to be numbered at boot).
var types = [NumTypes]typeInfo{
	Net:    {"net", unix.CLONE_NEWNET, []string{"net"}, 0xEFFFFFF9},
	Mnt:    {"mnt", unix.CLONE_NEWNS, []string{"mnt"}, 0xEFFFFFF8},
	User:   {"user", unix.CLONE_NEWUSER, []string{"user"}, 0xEFFFFFFD},
	PID:    {"pid", unix.CLONE_NEWPID, []string{"pid", "pid_for_children"}, 0xEFFFFFFC},
	IPC:    {"ipc", unix.CLONE_NEWIPC, []string{"ipc"}, 0xEFFFFFFF},
	UTS:    {"uts", unix.CLONE_NEWUTS, []string{"uts"}, 0xEFFFFFFE},
	Cgroup: {"cgroup", unix.CLONE_NEWCGROUP, []string{"cgroup"}, 0xEFFFFFFB},
	Time:   {"time", unix.CLONE_NEWTIME, []string{"time", "time_for_children"}, 0xEFFFFFFA},
}

// LowestInode is the lowest inode number that a namespace can have.
const LowestInode = 0xEFFFFFF8

// Links returns the files of /proc/PID/ns that refer to a namespace of the type:
// the task's own first, then the one for its future children.
func (t Type) Links() []string { return types[t].links }

// Flag returns the CLONE_NEW* flag of the type.
func (t Type) Flag() int { return types[t].flag }

// InitialInode returns the inode of the namespace that the kernel starts with,
// where it is fixed.
func (t Type) InitialInode() uint64 { return types[t].initial }

// Types returns every namespace type, in listing order.
func Types() []Type {
	all := make([]Type, NumTypes)
	for i := range all {
		all[i] = Type(i)
	}
	return all
}

// String returns the name that /proc/PID/ns uses, such as "net".
func (t Type) String() string {
	if t >= NumTypes {
		return fmt.Sprintf("Type(%d)", uint8(t))
	}
	return types[t].name
}

// ParseType returns the type of the given name.
func ParseType(name string) (Type, error) {
	i := slices.IndexFunc(types[:], func(d typeInfo) bool { return d.name == name })
	if i < 0 {
		return 0, fmt.Errorf("no namespace type %q", name)
	}
	return Type(i), nil
}

// TypeOfFlag maps a CLONE_NEW… flag, as NS_GET_NSTYPE returns it, to its type.
func TypeOfFlag(flag int) (Type, bool) {
	for i, d := range types {
		if d.flag == flag {
			return Type(i), true
		}
	}
	return 0, false
}

// ParseLink reads the text that the kernel gives a namespace, such as
// "net:[4026531833]" (fs/nsfs.c, ns_get_name, 6.18).
func ParseLink(text string) (Type, uint64, bool) {
	name, rest, ok := strings.Cut(text, ":[")
	if !ok || !strings.HasSuffix(rest, "]") {
		return 0, 0, false
	}
	inode, err := strconv.ParseUint(rest[:len(rest)-1], 10, 64)
	if err != nil || inode == 0 {
		return 0, 0, false
	}
	// pid_for_children and its like are links to a namespace of the plain type.
	for i, d := range types {
		if slices.Contains(d.links, name) {
			return Type(i), inode, true
		}
	}
	return 0, 0, false
}

// MayBeInode reports whether some digits may be the beginning of a namespace's inode: from
// those of the initial ones (include/linux/proc_ns.h and uapi/linux/nsfs.h, 6.18) up to 32 bits.
func MayBeInode(digits string) bool {
	const first, last = "4026531832", "4294967295"
	n := min(len(digits), len(first))
	return len(digits) <= len(first) && digits >= first[:n] && digits <= last[:n]
}

// FormatLink is the reverse of ParseLink.
func FormatLink(t Type, inode uint64) string { return fmt.Sprintf("%s:[%d]", t, inode) }
