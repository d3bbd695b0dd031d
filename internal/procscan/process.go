// SPDX-License-Identifier: Apache-2.0

package procscan

import (
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/kernel"
	"github.com/nsinspect/nsinspect/internal/record"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// Processes finds the namespaces that a process is in.
func Processes(w *Worker, v *Process) {
	w.readOwn(v)
	for _, t := range w.types {
		if inode := v.own[t]; inode != 0 {
			w.holds(record.Key{Type: t, Inode: inode}, ns.Holder{Kind: ns.KindProcess, PID: v.pid})
		}
		if v.denied {
			continue
		}
		for _, link := range t.Links()[1:] {
			inode, errno := w.readLink(t, v.pid, "/ns/", link)
			if errno == 0 && inode != v.own[t] {
				via, _ := ns.ViaOf(link) // there is one for each of these
				w.holds(record.Key{Type: t, Inode: inode}, ns.Holder{Kind: ns.KindProcess, PID: v.pid, Via: via})
			}
		}
	}
}

// Outside returns Processes for who asks whose namespaces are: of the processes in the
// initial ones, which are most on many machines, it finds those alone that lead a process
// group, as daemons do.
func Outside(initial [ns.NumTypes]uint64) func(*Worker, *Process) {
	return func(w *Worker, v *Process) {
		w.readOwn(v)
		inside := !slices.ContainsFunc(w.types, func(t ns.Type) bool { return v.own[t] != initial[t] })
		if own, ok := w.host.Own(v.pid); inside && ok && !kernel.LeadsGroup(own) {
			return
		}
		Processes(w, v)
	}
}

func (w *Worker) holds(k record.Key, h ns.Holder) {
	w.Records.Add(k, &h)
}

// readOwn fills v.own. Reading the links of another user's process needs
// CAP_SYS_PTRACE over it (PTRACE_MODE_READ_FSCREDS).
func (w *Worker) readOwn(v *Process) {
	if v.known {
		return
	}
	v.known = true
	for _, t := range w.types {
		inode, errno := w.readLink(t, v.pid, "/ns/", t.Links()[0])
		if errno == unix.EACCES || errno == unix.EPERM {
			if inode, errno = w.again(t, v.pid); errno != 0 {
				v.denied = true
			}
		}
		switch errno {
		case 0:
			v.own[t] = inode
		case unix.ENOENT, unix.ESRCH: // ended, or a zombie: no namespaces left
		default:
			w.gap("process", fmt.Sprintf("/proc/%d/ns/%s", v.pid, t.Links()[0]), errno)
		}
		if v.denied {
			return // the others are refused alike
		}
	}
}

// again distinguishes a process that may not be read from one that has just ended.
func (w *Worker) again(t ns.Type, pid ns.TaskID) (uint64, unix.Errno) {
	if w.gone(pid) {
		return 0, unix.ENOENT
	}
	inode, errno := w.readLink(t, pid, "/ns/", t.Links()[0])
	if errno != 0 && w.gone(pid) {
		return 0, unix.ENOENT
	}
	return inode, errno
}
