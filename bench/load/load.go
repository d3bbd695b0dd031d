// SPDX-License-Identifier: Apache-2.0

// Package load makes a machine busy in a measured way: many processes with
// several threads each, spread over many network namespaces.
//
// Everything made ends with the calling process, however and whenever it ends.
// The first process of each namespace asks for SIGKILL when the maker goes, the
// others when that first one goes (PR_SET_PDEATHSIG), and each looks once more
// whether its parent is still there. Nothing but those processes, and this one's
// descriptors while it works, holds the namespaces.
package load

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// Spec is how much load to make.
type Spec struct {
	Processes  int  // processes in all, spread evenly over the namespaces
	Threads    int  // threads in each, at least 1
	Namespaces int  // network namespaces to make; 0 leaves all in the caller's
	FDs        int  // files of its own namespace that each process holds open
	Sessions   bool // the first process of each namespace leads a session, as a container's does
}

// Load is running load; Close ends it.
type Load struct {
	PIDs       []int // in the order they were made
	Namespaces []Namespace

	firsts []int
	done   chan struct{}
	gone   chan error
}

// Namespace is a network namespace of the load and what is in it.
type Namespace struct {
	Inode     uint64
	Processes int
	Threads   int // beyond the first of each process
}

// Start makes the load and returns once every process and thread of it is
// there, with exactly the files it is to have open. It needs CAP_SYS_ADMIN for
// the namespaces, and makes the calling process a child subreaper for good.
func Start(s Spec) (*Load, error) {
	s.Threads = max(s.Threads, 1)
	if s.Processes < max(s.Namespaces, 1) {
		return nil, fmt.Errorf("spread %d processes over %d namespaces: too few", s.Processes, s.Namespaces)
	}
	l := &Load{done: make(chan struct{}), gone: make(chan error, 1)}
	ready := make(chan error, 1)
	go l.run(s, ready)
	if err := <-ready; err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// Close kills and reaps every process of the load.
func (l *Load) Close() error {
	close(l.done)
	return <-l.gone
}

// run stays on one thread, since PR_SET_PDEATHSIG follows the thread that
// forked. The thread has moved between namespaces, so it is never unlocked: it
// dies.
func (l *Load) run(s Spec, ready chan<- error) {
	runtime.LockOSThread()
	ready <- l.make(s)
	<-l.done
	l.gone <- l.end()
}

// end kills the first processes, which take the others with them. Those are
// then children of this process, the nearest subreaper.
func (l *Load) end() error {
	for _, pid := range l.firsts {
		if err := unix.Kill(pid, unix.SIGKILL); err != nil {
			return fmt.Errorf("kill process %d: %w", pid, err)
		}
	}
	for _, pid := range append(l.firsts, l.PIDs...) {
		_, err := unix.Wait4(pid, nil, 0, nil)
		if err != nil && !errors.Is(err, unix.ECHILD) { // firsts are in PIDs again
			return fmt.Errorf("reap process %d: %w", pid, err)
		}
	}
	return nil
}

func (l *Load) make(s Spec) error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("become a child subreaper: %w", err)
	}
	if err := blockSignals(); err != nil {
		return err
	}
	m, err := newMaker(s)
	if err != nil {
		return err
	}
	defer m.close() // unmapping what was mapped cannot fail
	groups := max(s.Namespaces, 1)
	for i := range groups {
		n := s.Processes*(i+1)/groups - s.Processes*i/groups
		if err := l.group(m, n, s.Namespaces > 0); err != nil {
			return fmt.Errorf("make the processes of namespace %d: %w", i, err)
		}
	}
	return m.home()
}

// group makes the n processes of one namespace.
func (l *Load) group(m *maker, n int, fresh bool) error {
	file := m.origin
	if fresh {
		f, inode, err := m.namespace()
		if err != nil {
			return err
		}
		file = f
		defer unix.Close(file)
		l.Namespaces = append(l.Namespaces, Namespace{Inode: inode, Processes: n, Threads: n * (m.spec.Threads - 1)})
	}
	pids, err := m.processes(n, file)
	for _, pid := range pids {
		if pid > 0 {
			l.PIDs = append(l.PIDs, int(pid))
		}
	}
	if len(pids) > 0 && pids[0] > 0 {
		l.firsts = append(l.firsts, int(pids[0]))
	}
	return err
}

// blockSignals keeps this thread's children, which inherit its mask, from ever
// running a Go signal handler: none of its memory is left in them.
func blockSignals() error {
	var all unix.Sigset_t
	for i := range all.Val {
		all.Val[i] = ^all.Val[i]
	}
	if err := unix.PthreadSigmask(unix.SIG_SETMASK, &all, nil); err != nil {
		return fmt.Errorf("block signals: %w", err)
	}
	return nil
}

// openHigh opens path at a descriptor of at least low.
func openHigh(path string, low int) (int, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return raise(fd, low)
}

// raise moves a descriptor to a number of at least low.
func raise(fd, low int) (int, error) {
	high, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, low)
	unix.Close(fd)
	if err != nil {
		return -1, fmt.Errorf("move a descriptor to %d or above: %w", low, err)
	}
	return high, nil
}
