// SPDX-License-Identifier: Apache-2.0

package host

import (
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// trail follows a path one component at a time.
type trail struct {
	h         *Host
	root      string   // the path of the host's root directory
	at        int      // the directory reached, O_PATH
	mount     uint64   // the mount that it is in
	top       string   // the path of the directory that the walk began at
	names     []string // of those on the way from there
	authority ns.Authority
	closed    bool        // only root can search a directory on the way: what is below it, others cannot reach
	naming    bool        // see NameAuthority
	inside    *mountTable // of the task's mount namespace, for AuthorityInside
	links     int         // symlinks followed
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
	w.at, w.mount, w.names, w.closed, w.top = fd, st.Mnt_id, nil, false, w.root
	w.directory(&st)
	return nil
}

// mounts returns those of the mount namespace that the walk is in.
func (w *trail) mounts() *mountTable {
	if w.inside != nil {
		return w.inside
	}
	return &w.h.mounts
}

// look is a stat that asks no file server: FUSE and NFS answer it from what they
// have (fs/fuse/dir.c, fuse_update_get_attr, 6.18).
func look(fd int) (st unix.Statx_t, err error) {
	const want = unix.STATX_TYPE | unix.STATX_MODE | unix.STATX_UID | unix.STATX_GID | unix.STATX_INO | unix.STATX_MNT_ID
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
	pid, ok = ns.ParseTaskID(number)
	return pid, rest, ok
}

// process judges a path below /proc/PID. Whatever is there is as the process has it.
func (w *trail) process(pid ns.TaskID, rest string) error {
	if w.naming && !strings.HasPrefix(rest, "root/") {
		return nil
	}
	if w.inside == nil {
		w.authority = w.authority.And(w.h.ProcessAuthority(pid))
	}
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
	w.at, w.mount, w.names, w.closed, w.top = fd, st.Mnt_id, nil, false, ""
	if w.inside != nil {
		if err := w.around(); err != nil {
			return err
		}
	}
	w.directory(&st)
	return w.path(below)
}

// around takes who controls the directories around the one reached, up to the root of the
// mount namespace that it is in: a chroot may be anywhere below that.
func (w *trail) around() error {
	var all []unix.Statx_t
	at, err := unix.FcntlInt(uintptr(w.at), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { unix.Close(at) }()
	for {
		st, err := look(at)
		if err != nil {
			return err
		}
		if n := len(all); n > 0 && all[n-1].Ino == st.Ino && all[n-1].Mnt_id == st.Mnt_id {
			break
		}
		all = append(all, st)
		up, err := unix.Openat(at, "..", unix.O_PATH|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		unix.Close(at)
		at = up
	}
	for _, st := range slices.Backward(all) {
		w.directory(&st)
	}
	return nil
}

// step follows one component, and reports whether the walk ends there.
func (w *trail) step(part string, rest []string) (stop bool, err error) {
	switch {
	case part == ".":
		return false, nil
	case part == ".." && len(w.names) == 0:
		return false, nil
	}
	// The root of a network file system is asked even by what only passes it.
	if uid, remote := w.mounts().mountedAt(w.top + "/" + strings.Join(append(slices.Clone(w.names), part), "/")); remote && !w.h.unguarded {
		w.authority = w.authority.And(w.h.remoteAuthority(uid))
		return true, nil
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
		if uid, remote := w.mounts().mountedBy(st.Mnt_id); remote {
			w.authority = w.authority.And(w.h.remoteAuthority(uid))
			return true, nil
		}
		w.mount = st.Mnt_id
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFLNK:
		w.owned(&st)
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
		w.names = w.names[:len(w.names)-1]
		w.closed = false
	} else {
		w.names = append(w.names, part)
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
	if w.inside != nil { // which leads elsewhere from there than from here
		w.authority = ns.UnknownAuthority
		return nil
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
