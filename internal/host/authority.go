// SPDX-License-Identifier: Apache-2.0

package host

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/nsfs"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// AuthorityOf returns the authority of what a user has made: root's word for root's,
// and the user's own for whoever runs this program.
func (h *Host) AuthorityOf(uid int) ns.Authority {
	switch {
	case uid == 0 || uid == h.rootUID:
		return ns.RootAuthority
	case uid < 0:
		return ns.UnknownAuthority
	}
	return ns.Authority{UID: uint32(uid), Trusted: uid == os.Geteuid()}
}

// Authority returns who controls what a path leads to: the file, every directory on
// the way and every symlink that is followed. A link to a namespace, /proc/PID/ns/net,
// is as much as its process is worth. It never looks into a file system that may not
// answer; that is the user's who mounted it. An error is one of opening the path.
func (h *Host) Authority(name string) (ns.Authority, error) {
	return h.authority(name, trail{})
}

// NameAuthority returns who has named what a symlink leads to: as Authority, but where
// it leads to the namespace of a process, who controls that does not count. Whoever
// made the symlink has named the process.
func (h *Host) NameAuthority(name string) (ns.Authority, error) {
	return h.authority(name, trail{naming: true})
}

// AuthorityInside returns who controls the way to a path below the root directory of a task:
// as Authority does, but for the task itself, and with the directories around its root. A
// symlink on the way is nobody's word. The task's mounts are those of less than a second ago.
func (h *Host) AuthorityInside(task ns.TaskID, name string) (ns.Authority, error) {
	there, err := h.insides.of(h, task)
	if err != nil {
		return ns.UnknownAuthority, err
	}
	return h.authority("/proc/"+task.String()+"/root/"+strings.TrimLeft(name, "/"), trail{inside: there})
}

func (h *Host) authority(name string, w trail) (ns.Authority, error) {
	w.h, w.at, w.authority = h, -1, ns.KernelAuthority
	defer w.close()
	if _, err := h.mounts.current(); err != nil {
		return ns.UnknownAuthority, err
	}
	root, name, err := h.Absolute(name)
	w.root = strings.TrimRight(root, "/")
	if err == nil {
		err = w.begin()
	}
	if err != nil {
		return ns.UnknownAuthority, err
	}
	err = w.path(name)
	if err != nil {
		return ns.UnknownAuthority, err
	}
	return w.authority, nil
}

// remoteAuthority returns whose word the files of a file system are that a program or
// another machine keeps: that of the user who mounted it, -1 if that is not known.
func (h *Host) remoteAuthority(uid int) ns.Authority {
	if uid <= 0 {
		return ns.UnknownAuthority
	}
	return h.AuthorityOf(uid)
}

// FileAuthority returns who controls an open file that is no symlink, by what it is
// itself: the directories that lead to it count as well.
func (h *Host) FileAuthority(st *unix.Stat_t) ns.Authority {
	return h.AuthorityOf(int(st.Uid)).And(writers(st.Mode, st.Gid))
}

// writers returns who may write to a file or directory beside its owner. A group other
// than root's may be anybody; so may an access control list (its mask shows as
// the bits of the group), which root's own group is trusted not to be one of.
func writers(mode, gid uint32) ns.Authority {
	if mode&0o002 != 0 || mode&0o020 != 0 && gid != 0 {
		return ns.UnknownAuthority
	}
	return ns.RootAuthority
}

// ProcessAuthority returns who controls a process: root, if its real, effective and
// saved user are root, and the user namespace that it is in was made by root; else
// that user.
func (h *Host) ProcessAuthority(pid ns.TaskID) ns.Authority {
	text, err := h.ReadProc(pid, "status", 64<<10)
	if err != nil {
		return ns.UnknownAuthority
	}
	authority := ns.UnknownAuthority
	ids := userIDs(text)
	for i := 0; i < 3 && i < len(ids); i++ {
		uid, err := strconv.Atoi(ids[i])
		if err != nil {
			return ns.UnknownAuthority
		}
		its := h.AuthorityOf(uid)
		if i == 0 {
			authority = its
		}
		authority = authority.And(its)
	}
	if authority.Source == ns.OfUser {
		return authority
	}
	// One that cannot be read belongs to a process that is more than this one.
	if its, ok := h.NamespaceAuthority("/proc/" + pid.String() + "/ns/user"); ok {
		authority = authority.And(its)
	}
	return authority
}

// userIDs returns the users in the status file of a task: real, effective, saved, and that of
// file systems. The name of a task adds no line: one with a line break has \n for it
// (fs/proc/array.c, proc_task_name, 6.18).
func userIDs(status []byte) []string {
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "Uid:"); ok {
			return strings.Fields(rest)
		}
	}
	return nil
}

// NamespaceAuthority returns who controls the user namespace at a path, or the one
// that owns the namespace there: the user who made it (fs/nsfs.c, ns_ioctl,
// NS_GET_USERNS and NS_GET_OWNER_UID, 6.18). ok is false if that cannot be read.
func (h *Host) NamespaceAuthority(name string) (authority ns.Authority, ok bool) {
	if !h.procfs {
		return ns.UnknownAuthority, false
	}
	fd, err := h.OpenPath(name)
	if err != nil {
		return ns.UnknownAuthority, false
	}
	defer unix.Close(fd)
	file, err := nsfs.Reopen(fd)
	if err != nil {
		return ns.UnknownAuthority, false
	}
	defer unix.Close(file)
	t, _, err := nsfs.Read(file)
	if err != nil {
		return ns.UnknownAuthority, false
	}
	_, uid := nsfs.Owner(t, file)
	return h.AuthorityOf(uid), uid >= 0
}
