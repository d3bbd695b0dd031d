// SPDX-License-Identifier: Apache-2.0

package enter

import (
	"errors"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// Start runs the command as Exec does, but in a process of its own, which has these files as
// its descriptors from 0 on. The calling process stays where it is: a thread that ends after
// that is what enters the namespace, and the new process has all of it from there (kernel/fork.c,
// copy_process, 6.18).
func (c *Command) Start(files ...*os.File) (p *os.Process, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		p, err = c.startOnce(files)
	}()
	<-done
	return p, err
}

// startOnce is Start on a thread that is never unlocked, so that the runtime ends it together
// with the goroutine.
func (c *Command) startOnce(files []*os.File) (p *os.Process, err error) {
	runtime.LockOSThread()
	if unix.Gettid() == unix.Getpid() { // the runtime never ends the first thread, and would leave it there
		p, err = c.Start(files...)
		runtime.UnlockOSThread()
		return p, err
	}
	if err := c.enter(); err != nil {
		return nil, err
	}
	start := func(program string, args []string) (err error) {
		p, err = os.StartProcess(program, args, &os.ProcAttr{Env: c.Env, Files: files})
		if errno := unix.Errno(0); errors.As(err, &errno) {
			return errno
		}
		return err
	}
	return p, c.run(start)
}
