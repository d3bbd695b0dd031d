// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"path"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// look is one task that is looked at more than once, and its process. Both stay the same
// ones: a look at one that has ended is ESRCH (host.StatFile).
type look struct {
	processFile, taskFile host.StatFile
	thread                bool
	process               host.Stat // as last read
}

// taskOf returns the directory of a holder's process or thread in /proc.
func taskOf(h *ns.Holder) string {
	if h.TID == 0 {
		return h.PID.String()
	}
	return path.Join(h.PID.String(), "task", h.TID.String())
}

func (d *details) open(h *ns.Holder) (look, error) {
	l := look{thread: h.TID != 0}
	var err error
	if l.processFile, err = d.host.OpenStat(h.PID.String()); err != nil || !l.thread {
		return l, err
	}
	if l.taskFile, err = d.host.OpenStat(taskOf(h)); err != nil {
		l.processFile.Close()
	}
	return l, err
}

func (l *look) close() {
	l.processFile.Close()
	if l.thread {
		l.taskFile.Close()
	}
}

// read returns what the stat file of the task has, and keeps that of its process.
func (l *look) read() (st host.Stat, err error) {
	if l.thread {
		if st, err = l.taskFile.Read(); err != nil {
			return st, err
		}
	}
	if l.process, err = l.processFile.Read(); !l.thread {
		st = l.process
	}
	return st, err
}

// left reports whether a task is no more, or no more in the namespace.
func (d *details) left(h *ns.Holder, task string, t ns.Type, inode uint64) bool {
	now, err := d.host.NamespaceLink(path.Join(task, "ns", h.Link(t)))
	return err == nil && now != inode || host.IsGone(err)
}

// checkMember reports whether the process or thread in a mount's namespace is there, and
// the one that it was when the mount was found. If that is unknown, it fills it in.
func (d *details) checkMember(h *ns.Holder) bool {
	l, err := d.open(h)
	if err != nil {
		return !d.gone(err)
	}
	defer l.close()
	link, linkErr := d.host.NamespaceLink(path.Join(taskOf(h), "ns", "mnt"))
	_, err = l.read()
	switch {
	case err != nil:
		return !d.gone(err)
	case h.Born != 0:
		return l.process.IsOf(h.Born)
	case linkErr == nil && h.MountNS != 0 && link != h.MountNS:
		return false
	}
	h.Born = l.process.Born()
	return true
}
