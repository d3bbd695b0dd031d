// SPDX-License-Identifier: Apache-2.0

package procscan

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/record"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// Threads records the threads that are in another namespace than their process, and
// counts the others. A process whose first thread has ended (a "zombie
// leader") has no namespace of its own left: each of its live threads holds.
func Threads(w *Worker, v *Process) {
	w.readOwn(v)
	if v.denied {
		return // one gap a process is enough, and it has been noted
	}
	for _, tid := range w.threads(v) {
		if tid != v.pid {
			w.visitThread(v, tid)
		}
	}
}

// threads lists the threads of a process, its first among them; nil if it has no
// other.
func (w *Worker) threads(v *Process) []ns.TaskID {
	if v.tidsKnown {
		return v.tids
	}
	v.tidsKnown = true
	// st_nlink of /proc/PID/task is 2 and the number of threads
	// (fs/proc/base.c, proc_task_getattr, 6.18). A recorded tree's is not.
	if !w.host.Recorded() {
		w.path = procPath(w.path, v.pid, "/task")
		if n, errno := linkCount(w.host.ProcFD(), w.path, &w.stx); ended(errno) || errno == 0 && n <= 3 {
			return nil // gone, or only one thread
		} // where statx(2) is forbidden, as by old container runtimes, the listing shows it
	}
	var err error
	if v.tids, err = w.host.Threads(v.pid, w.buffer()); err != nil && !host.IsGone(err) {
		w.gap("thread", fmt.Sprintf("/proc/%d/task", v.pid), err)
	}
	return v.tids
}

func (w *Worker) visitThread(v *Process, tid ns.TaskID) {
	task := tid.String()
	for _, t := range w.types {
		own := w.readPinned(v, task, t, t.Links()[0], v.own[t])
		switch own {
		case 0:
			continue
		case v.own[t]:
			w.Threads[record.Key{Type: t, Inode: own}]++
		default:
			w.found(record.Key{Type: t, Inode: own}, ns.Holder{Kind: ns.KindThread, PID: v.pid, TID: tid})
		}
		for _, link := range t.Links()[1:] {
			inode := w.readPinned(v, task, t, link, own)
			if inode == 0 || inode == own {
				continue
			}
			if first, errno := w.readLink(t, v.pid, "/ns/", link); errno != 0 || first != inode {
				via, _ := ns.ViaOf(link) // there is one for each of these
				w.found(record.Key{Type: t, Inode: inode}, ns.Holder{Kind: ns.KindThread, PID: v.pid, TID: tid, Via: via})
			}
		}
	}
}

// readPinned is readThread, with the process pinned if the link is of another namespace
// than the usual one: then the thread holds that. Few do, so it is read twice.
func (w *Worker) readPinned(v *Process, task string, t ns.Type, link string, usual uint64) uint64 {
	inode := w.readThread(v, task, t, link)
	if inode == 0 || inode == usual || v.pinned {
		return inode
	}
	w.pinProcess(v)
	return w.readThread(v, task, t, link)
}

// readThread reads a namespace link of a thread. It returns 0 if there is none:
// the thread has ended, or the link is empty, or it is a gap.
func (w *Worker) readThread(v *Process, task string, t ns.Type, link string) uint64 {
	inode, errno := w.readLink(t, v.pid, "/task/", task, "/ns/", link)
	if errno != 0 && !ended(errno) && !w.threadGone(v.pid, task) { // see worker.gone
		w.gap("thread", fmt.Sprintf("/proc/%d/task/%s/ns/%s", v.pid, task, link), errno)
	}
	return inode
}

func (w *Worker) threadGone(pid ns.TaskID, task string) bool {
	w.path = procPath(w.path, pid, "/task/", task)
	_, errno := linkCount(w.host.ProcFD(), w.path, &w.stx)
	return ended(errno)
}

// ended reports whether an error only means that the task is no more.
func ended(errno unix.Errno) bool { return errno == unix.ENOENT || errno == unix.ESRCH }
