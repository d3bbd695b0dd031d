// SPDX-License-Identifier: Apache-2.0

package names

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"path"
	"time"

	"golang.org/x/sys/unix"
)

// usersDir is where each user has a directory that may hold a names directory.
const usersDir = "/run/user"

// maxWatches is how many directories are watched at most.
const maxWatches = 1024

// watchMask are the events of a directory after which it may hold other names, or none.
const watchMask = unix.IN_CREATE | unix.IN_DELETE | unix.IN_MOVED_FROM | unix.IN_MOVED_TO |
	unix.IN_DELETE_SELF | unix.IN_MOVE_SELF | unix.IN_ONLYDIR

// Watch reports that names may have changed: by inotify that an entry of a names
// directory, or of a directory on the way to one, has come or gone; and by poll(2) that
// the mount table has changed (fs/namespace.c, mnt_poll, 6.18). It is for one caller at
// a time. It keeps no mount busy.
type Watch struct {
	s       *Dirs
	inotify int                        // -1 if there is none
	mounts  int                        // /proc/self/mountinfo; -1 if it cannot be opened
	wanted  map[int][]string           // watch → entries that matter; nil for all
	armed   map[int]bool               // watches set by the last call of Arm
	buf     [64 * maxInotifyEvent]byte // for read
	blind   bool
}

// maxInotifyEvent is the size of the longest event (inotify(7)).
const maxInotifyEvent = unix.SizeofInotifyEvent + unix.NAME_MAX + 1

// Watch returns a watch of the reader's directories, which is not armed yet.
func (r *Reader) Watch() *Watch {
	w := &Watch{s: &r.s, inotify: -1, mounts: -1, wanted: map[int][]string{}}
	if fd, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC); err == nil {
		w.inotify = fd
	}
	if fd, err := unix.Open("/proc/self/mountinfo", unix.O_RDONLY|unix.O_CLOEXEC, 0); err == nil {
		w.mounts = fd
	}
	return w
}

// Close ends the watch.
func (w *Watch) Close() {
	for _, fd := range []int{w.inotify, w.mounts} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}

// Blind reports whether names may change without Changed reporting it: a directory could
// not be watched, as one on a file system that may not answer, or the mount table.
func (w *Watch) Blind() bool { return w.blind || w.inotify < 0 || w.mounts < 0 }

// Arm watches the directories as they are now. Names that are read after it has returned
// do not change unless Changed reports it.
func (w *Watch) Arm() {
	if w.inotify < 0 {
		return
	}
	w.blind, w.armed = false, map[int]bool{}
	specs, err := w.s.namesDirs()
	w.blind = err != nil
	w.above(path.Join(usersDir, "UID"))
	w.dir(usersDir, "")
	for _, spec := range specs {
		_, full, err := w.s.Host.Absolute(spec.path)
		if err != nil {
			w.blind = true
			continue
		}
		full = path.Clean(full)
		w.above(full)
		if !spec.users || !w.s.isSymlink(full) {
			w.dir(full, "")
		}
	}
	for wd := range w.wanted {
		if !w.armed[wd] {
			_, _ = unix.InotifyRmWatch(w.inotify, uint32(wd)) // it may have ended with its directory
			delete(w.wanted, wd)
		}
	}
}

// above watches every directory on the way to a path for the next one.
func (w *Watch) above(full string) {
	for dir := full; dir != "/" && dir != "."; {
		next := path.Base(dir)
		dir = path.Dir(dir)
		w.dir(dir, next)
	}
}

// dir watches a directory for an entry, or for any if that is "". One that is not there
// is watched for in the directory above.
func (w *Watch) dir(name, entry string) {
	fd, err := w.s.Host.OpenDir(name)
	if err == unix.ENOENT || err == unix.ENOTDIR {
		return
	}
	if err != nil || len(w.armed) >= maxWatches {
		w.blind = true
		if err == nil {
			unix.Close(fd)
		}
		return
	}
	defer unix.Close(fd)
	wd, err := unix.InotifyAddWatch(w.inotify, fmt.Sprintf("/proc/self/fd/%d", fd), watchMask)
	if err != nil {
		w.blind = true
		return
	}
	entries, known := w.wanted[wd]
	switch {
	case entry == "" || known && w.armed[wd] && entries == nil:
		w.wanted[wd] = nil
	case !w.armed[wd]:
		w.wanted[wd] = []string{entry}
	default:
		w.wanted[wd] = append(entries, entry)
	}
	w.armed[wd] = true
}

// Changed reports whether names may have changed since it last did, or do so within a
// time.
func (w *Watch) Changed(within time.Duration) bool {
	fds := []unix.PollFd{{Fd: int32(w.inotify), Events: unix.POLLIN}, {Fd: int32(w.mounts), Events: unix.POLLPRI}}
	changed := false
	for until := time.Now().Add(within); ; {
		got, err := unix.Poll(fds, int(max(0, time.Until(until)).Milliseconds()))
		if err == nil && got > 0 {
			changed = fds[1].Revents != 0
			if fds[0].Revents != 0 && w.read() {
				changed = true
			}
		}
		if changed || !time.Now().Before(until) {
			return changed
		}
	}
}

// read takes all events there are and reports whether one matters.
func (w *Watch) read() (matters bool) {
	for {
		n, err := unix.Read(w.inotify, w.buf[:])
		if err == unix.EINTR {
			continue
		}
		if err != nil || n <= 0 {
			return matters
		}
		for rest := w.buf[:n]; len(rest) >= unix.SizeofInotifyEvent; {
			wd := int(int32(binary.NativeEndian.Uint32(rest)))
			mask := binary.NativeEndian.Uint32(rest[4:])
			size := unix.SizeofInotifyEvent + int(binary.NativeEndian.Uint32(rest[12:]))
			name, _, _ := bytes.Cut(rest[unix.SizeofInotifyEvent:size], []byte{0})
			matters = w.matters(wd, mask, string(name)) || matters
			rest = rest[size:]
		}
	}
}

// matters reports whether after an event names may be others.
func (w *Watch) matters(wd int, mask uint32, name string) bool {
	entries, known := w.wanted[wd]
	switch {
	case mask&unix.IN_Q_OVERFLOW != 0:
		return true
	case !known:
		return false // a watch that has ended
	case mask&unix.IN_IGNORED != 0:
		delete(w.wanted, wd)
		return true
	case name == "" || entries == nil:
		return true
	}
	for _, entry := range entries {
		if entry == name {
			return true
		}
	}
	return false
}
