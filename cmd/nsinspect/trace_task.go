// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/kernel"
)

// tracedTask is the process or thread of --pid. A trace of it ends when it does: another may get
// its ID.
type tracedTask struct {
	id    int
	pidfd *os.File // nil where the kernel has none of a thread, before Linux 6.9
	gone  atomic.Bool
}

// openTask returns the process or thread with an ID, nil for 0.
func openTask(id int) (*tracedTask, error) {
	if id == 0 {
		return nil, nil
	}
	fd, err := kernel.OpenPidfd(kernel.TaskID(id))
	if err != nil && !errors.Is(err, unix.ESRCH) { // of a thread: EINVAL, from 6.9 on ENOENT
		fd, err = kernel.OpenThreadPidfd(kernel.TaskID(id))
	}
	switch {
	case err == nil:
		err = unix.SetNonblock(fd, true) // for the runtime's poller
		return &tracedTask{id: id, pidfd: os.NewFile(uintptr(fd), "pidfd")}, err
	case errors.Is(unix.Kill(id, 0), unix.ESRCH): // kill(2) takes the ID of a thread too
		return nil, fmt.Errorf("trace process %d: %w", id, unix.ESRCH)
	}
	return &tracedTask{id: id}, nil
}

// watch calls ended once the task has ended, until it is closed.
func (t *tracedTask) watch(ended func()) {
	if t == nil || t.pidfd == nil {
		return
	}
	conn, err := t.pidfd.SyscallConn()
	if err != nil {
		return // closed
	}
	go func() {
		err := conn.Read(func(fd uintptr) bool {
			n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
			return err == nil && n > 0
		})
		if err == nil {
			t.gone.Store(true)
			ended()
		}
	}()
}

// notes returns that the task has ended.
func (t *tracedTask) notes() []string {
	if t == nil || !t.gone.Load() {
		return nil
	}
	return []string{fmt.Sprintf("%d has ended, and the trace of it", t.id)}
}

func (t *tracedTask) close() {
	if t != nil && t.pidfd != nil {
		_ = t.pidfd.Close() // nothing was written
	}
}
