// SPDX-License-Identifier: Apache-2.0

// Package load makes a machine busy in a measured way: many processes with
// several threads each, spread over many network namespaces.
//
// Everything made dies with the calling process, however it ends: the children
// ask for SIGKILL when their parent goes (PR_SET_PDEATHSIG), and the namespaces
// are held by nothing but those children and this process's descriptors.
package load

import (
	"errors"
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// spawn forks a child with the given number of threads, which pauses until
// killed. It returns the child's PID, or a negative errno.
func spawn(keep, threads uintptr) (pid uintptr)

// Spec says how much load to make.
type Spec struct {
	Processes  int // processes in all, spread evenly over the namespaces
	Threads    int // threads in each, at least 1
	Namespaces int // network namespaces to make; 0 leaves all in the caller's
	FDs        int // namespace files each process holds open
}

// Load is running load; Close ends it.
type Load struct {
	PIDs []int
	done chan struct{}
	gone chan error
}

// Start makes the load and returns once all of it is there. It needs
// CAP_SYS_ADMIN for the namespaces.
func Start(s Spec) (*Load, error) {
	if s.Threads < 1 {
		s.Threads = 1
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

// run lives on one thread, since PR_SET_PDEATHSIG follows the thread that
// forked. The thread moves between namespaces and is never unlocked: it dies.
func (l *Load) run(s Spec, ready chan<- error) {
	runtime.LockOSThread()
	ready <- l.make(s)
	<-l.done
	var errs []error
	for _, pid := range l.PIDs {
		errs = append(errs, unix.Kill(pid, unix.SIGKILL))
	}
	for _, pid := range l.PIDs {
		_, err := unix.Wait4(pid, nil, 0, nil)
		errs = append(errs, err)
	}
	l.gone <- errors.Join(errs...)
}

func (l *Load) make(s Spec) error {
	files, err := makeNamespaces(s.Namespaces)
	defer func() {
		for _, fd := range files {
			unix.Close(fd)
		}
	}()
	if err != nil {
		return err
	}
	keep, err := holdFDs(s.FDs)
	if err != nil {
		return err
	}
	per := s.Processes
	if len(files) > 0 {
		per = (s.Processes + len(files) - 1) / len(files)
	}
	for i := range s.Processes {
		if len(files) > 0 && i%per == 0 {
			if err := unix.Setns(files[i/per], unix.CLONE_NEWNET); err != nil {
				return fmt.Errorf("enter namespace %d: %w", i/per, err)
			}
		}
		pid := int(spawn(uintptr(keep), uintptr(s.Threads)))
		if pid < 0 {
			return fmt.Errorf("fork process %d: %w", i, unix.Errno(-pid))
		}
		l.PIDs = append(l.PIDs, pid)
	}
	return nil
}

// makeNamespaces leaves the calling thread in the last namespace it made.
func makeNamespaces(n int) ([]int, error) {
	var files []int
	for i := range n {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return files, fmt.Errorf("make namespace %d: %w", i, err)
		}
		// Far up, so that a child can keep the low ones and drop all of these.
		fd, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return files, fmt.Errorf("open namespace %d: %w", i, err)
		}
		high, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 1000)
		unix.Close(fd)
		if err != nil {
			return files, fmt.Errorf("move namespace file %d: %w", i, err)
		}
		files = append(files, high)
	}
	return files, nil
}

// holdFDs opens n files of the caller's namespace and returns the descriptor
// from which on a child closes everything.
func holdFDs(n int) (keep int, err error) {
	keep = 3
	for range n {
		fd, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY, 0)
		if err != nil {
			return 0, fmt.Errorf("open a file to hold: %w", err)
		}
		keep = max(keep, fd+1)
	}
	return keep, nil
}
