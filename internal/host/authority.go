// SPDX-License-Identifier: Apache-2.0

package host

import (
	"os"
	"path"
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
	return ns.Authority{UID: uid, Trusted: uid == os.Geteuid()}
}

// Authority returns who controls what a path leads to: the file, every directory on
// the way and every symlink that is followed. A link to a namespace, /proc/PID/ns/net,
// is as much as its process is worth. It never looks into a file system that may not
// answer; that is the user's who mounted it. An error is one of opening the path.
func (h *Host) Authority(name string) (ns.Authority, error) {
	return h.authority(name, trail{follow: true})
}

// EntryAuthority returns who controls the directory entry at a path: as Authority,
// but a symlink there is not followed.
func (h *Host) EntryAuthority(name string) (ns.Authority, error) { return h.authority(name, trail{}) }

// NameAuthority returns who has named what a symlink leads to: as Authority, but where
// it leads to the namespace of a process, who controls that does not count. Whoever
// made the symlink has named the process.
func (h *Host) NameAuthority(name string) (ns.Authority, error) {
	return h.authority(name, trail{follow: true, naming: true})
}

func (h *Host) authority(name string, w trail) (ns.Authority, error) {
	w.h, w.at, w.authority = h, -1, ns.KernelAuthority
	defer w.close()
	if _, err := h.mounts.current(); err != nil {
		return ns.UnknownAuthority, err
	}
	_, name, err := h.Absolute(name)
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
	for line := range strings.Lines(string(text)) {
		rest, ok := strings.CutPrefix(line, "Uid:")
		if !ok {
			continue
		}
		ids := strings.Fields(rest)
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
		break
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

// trail follows a path one component at a time.
type trail struct {
	h         *Host
	at        int    // the directory reached, O_PATH
	mount     uint64 // the mount that it is in
	depth     int    // directories below the root
	authority ns.Authority
	closed    bool // only root can search a directory on the way: what is below it, others cannot reach
	follow    bool // the last component too
	naming    bool // see NameAuthority
	links     int  // symlinks followed
}

func (w *trail) close() {
	if w.at >= 0 {
		unix.Close(w.at)
	}
}

// begin goes to the root directory.
func (w *trail) begin() error {
	fd, err := unix.FcntlInt(uintptr(w.h.RootFD()), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return err
	}
	st, err := look(fd)
	if err != nil {
		unix.Close(fd)
		return err
	}
	w.close()
	w.at, w.mount, w.depth, w.closed = fd, st.Mnt_id, 0, false
	w.directory(&st)
	return nil
}

// look is a stat that asks no file server: FUSE and NFS answer it from what they
// have (fs/fuse/dir.c, fuse_update_get_attr, 6.18).
func look(fd int) (st unix.Statx_t, err error) {
	const want = unix.STATX_TYPE | unix.STATX_MODE | unix.STATX_UID | unix.STATX_GID | unix.STATX_MNT_ID
	err = unix.Statx(fd, "", unix.AT_EMPTY_PATH|unix.AT_STATX_DONT_SYNC, want, &st)
	return st, err
}

// path goes on from the directory reached.
func (w *trail) path(name string) error {
	if strings.HasPrefix(name, "/") {
		if pid, rest, ok := procPath(name); ok {
			return w.process(pid, rest)
		}
		if err := w.begin(); err != nil {
			return err
		}
	}
	parts := strings.FieldsFunc(name, func(r rune) bool { return r == '/' })
	for i, part := range parts {
		stop, err := w.step(part, parts[i+1:])
		if err != nil || stop {
			return err
		}
	}
	return nil
}

// procPath splits a path below the directory of a process in /proc.
func procPath(name string) (pid ns.TaskID, rest string, ok bool) {
	inside, ok := strings.CutPrefix(path.Clean(name), "/proc/")
	if !ok {
		return 0, "", false
	}
	number, rest, _ := strings.Cut(inside, "/")
	n, err := strconv.ParseUint(number, 10, 31)
	return ns.TaskID(n), rest, err == nil
}

// process judges a path below /proc/PID. Whatever is there is as the process has it.
func (w *trail) process(pid ns.TaskID, rest string) error {
	if w.naming && !strings.HasPrefix(rest, "root/") {
		return nil
	}
	w.authority = w.authority.And(w.h.ProcessAuthority(pid))
	below, ok := strings.CutPrefix(rest, "root/")
	if !ok || !w.h.procfs {
		return nil
	}
	fd, err := w.h.OpenProc(pid.String()+"/root", unix.O_PATH)
	if err != nil {
		return err
	}
	st, err := look(fd)
	if err != nil {
		unix.Close(fd)
		return err
	}
	w.close()
	w.at, w.mount, w.depth, w.closed = fd, st.Mnt_id, 0, false
	w.directory(&st)
	return w.path(below)
}

// step follows one component, and reports whether the walk ends there.
func (w *trail) step(part string, rest []string) (stop bool, err error) {
	switch {
	case part == ".":
		return false, nil
	case part == ".." && w.depth == 0:
		return false, nil
	}
	fd, err := unix.Openat(w.at, part, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err == unix.EACCES && w.closed {
		return true, nil // root's, as far as this user can know
	}
	if err != nil {
		return true, err
	}
	defer func() {
		if fd >= 0 {
			unix.Close(fd)
		}
	}()
	st, err := look(fd)
	if err != nil {
		return true, err
	}
	if st.Mnt_id != w.mount && !w.h.unguarded {
		if uid, remote := w.h.mounts.mountedBy(st.Mnt_id); remote {
			w.authority = w.authority.And(w.h.remoteAuthority(uid))
			return true, nil
		}
		w.mount = st.Mnt_id
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFLNK:
		w.owned(&st)
		if len(rest) == 0 && !w.follow {
			return true, nil
		}
		return true, w.link(fd, rest)
	case unix.S_IFDIR:
		w.directory(&st)
	default:
		if len(rest) > 0 {
			return true, unix.ENOTDIR
		}
		w.owned(&st)
		w.writable(&st)
		return true, nil
	}
	if part == ".." {
		w.depth--
		w.closed = false
	} else {
		w.depth++
	}
	unix.Close(w.at)
	w.at, fd = fd, -1
	return false, nil
}

// link follows a symlink, and then what is left of the path.
func (w *trail) link(fd int, rest []string) error {
	if w.links++; w.links > 40 { // as the kernel (include/linux/namei.h, MAXSYMLINKS, 6.18)
		return unix.ELOOP
	}
	target, err := ReadlinkFD(fd)
	if err != nil {
		return err
	}
	if _, _, ok := ns.ParseLink(target); ok {
		return nil // of /proc/self/ns
	}
	return w.path(strings.Join(append([]string{target}, rest...), "/"))
}

// owned takes the owner of what is on the way, where that can be reached.
func (w *trail) owned(st *unix.Statx_t) {
	if !w.closed {
		w.authority = w.authority.And(w.h.AuthorityOf(int(st.Uid)))
	}
}

// directory takes who can change what is in a directory: its owner, and whoever may
// write to it, unless it is sticky: then the owner of what is in it as well.
func (w *trail) directory(st *unix.Statx_t) {
	w.owned(st)
	if st.Mode&unix.S_ISVTX == 0 {
		w.writable(st)
	}
	if st.Mode&0o001 == 0 && (st.Mode&0o010 == 0 || st.Gid == 0) && w.authority.Trusted {
		w.closed = true
	}
}

// writable takes who may write to what is on the way.
func (w *trail) writable(st *unix.Statx_t) {
	if !w.closed {
		w.authority = w.authority.And(writers(uint32(st.Mode), st.Gid))
	}
}
