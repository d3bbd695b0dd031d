// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/kernel"
	"github.com/nsinspect/nsinspect/pkg/enter"
)

// commandStatus is the exit status of a command that was run, if that is not 0. It
// is ours, and nothing is printed about it.
type commandStatus int

func (s commandStatus) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// child is a command that the user wants run.
type child struct {
	app     *app
	cmd     *exec.Cmd
	signals chan os.Signal
	ended   chan struct{} // closed when it has
	left    chan struct{} // closed when it is not waited for any longer
}

// newChild looks the command up; it is not started yet.
func (a *app) newChild(args []string) (*child, error) {
	cmd := exec.Command(args[0], args[1:]...)
	if errors.Is(cmd.Err, exec.ErrDot) {
		cmd.Err = nil // PATH has the current directory, which shells, exec and strace follow
	}
	if cmd.Err != nil {
		return nil, notRun(args[0], cmd.Err)
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.Env = os.Stdin, a.stdout, a.stderr, a.env
	return &child{app: a, cmd: cmd, signals: make(chan os.Signal, 8), ended: make(chan struct{}), left: make(chan struct{})}, nil
}

// notRun returns the error for a command that could not be run: with 127 if there is none of that
// name, with 126 if it cannot be executed, as shells do.
func notRun(name string, err error) error {
	status := 126
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, unix.ENOENT) {
		status = 127
	}
	var lookup *exec.Error // these two say again what was to be run
	var path *os.PathError
	switch {
	case errors.As(err, &lookup):
		err = lookup.Err
	case errors.As(err, &path):
		err = path.Err
	}
	return &enter.NotRunError{Command: name, Status: status, Err: err}
}

// sentOn are the signals that are sent on to a command.
var sentOn = []os.Signal{
	unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT,
	unix.SIGUSR1, unix.SIGUSR2, unix.SIGALRM, unix.SIGCONT, unix.SIGWINCH,
}

// start runs the command and calls done when it ends. Until then what is sent to
// this process is sent on to it, but what nohup, or a shell for what is in the background,
// has it ignore.
func (c *child) start(done func()) error {
	ignored := c.app.signals.ignored
	if len(ignored) > 0 { // without any it is for all
		signal.Ignore(ignored...)
	}
	signal.Notify(c.signals, slices.DeleteFunc(slices.Clone(sentOn), func(s os.Signal) bool { return slices.Contains(ignored, s) })...)
	c.app.signals.forwarded.Store(true)
	err := kernel.RestoreMemlock()
	if err == nil {
		err = c.cmd.Start()
	}
	if err != nil {
		c.release()
		return notRun(c.cmd.Args[0], err)
	}
	go c.forward(done)
	go func() {
		_ = c.cmd.Wait() // ProcessState has the result
		close(c.ended)
		c.release()
		done()
	}()
	return nil
}

// release makes signals end this process again.
func (c *child) release() {
	c.app.signals.forwarded.Store(false)
	signal.Stop(c.signals)
}

// forward sends signals on. What the terminal's keys send goes to the whole
// foreground process group, and the command has it already. A second SIGTERM ends
// the trace, and the wait for a command that does not end by it.
func (c *child) forward(done func()) {
	terms := 0
	for {
		select {
		case <-c.ended:
			return
		case s := <-c.signals:
			if (s == unix.SIGINT || s == unix.SIGQUIT) && inForeground() {
				continue
			}
			_ = c.cmd.Process.Signal(s) // if it fails, the command has ended
			if s == unix.SIGTERM {
				if terms++; terms == 2 {
					c.release()
					close(c.left)
					done()
					return
				}
			}
		}
	}
}

// inForeground reports whether this process is in the foreground process group of
// a terminal.
func inForeground() bool {
	tty, err := unix.Open("/dev/tty", unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	if err != nil {
		return false
	}
	defer unix.Close(tty)
	group, err := unix.IoctlGetInt(tty, unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}

// wait waits for the command's end and returns its status as an error, nil for 0.
// One that was left by a second SIGTERM has that of it.
func (c *child) wait() error {
	select {
	case <-c.ended:
	case <-c.left:
		return commandStatus(128 + int(unix.SIGTERM))
	}
	if status := statusOf(c.cmd.ProcessState); status != 0 {
		return commandStatus(status)
	}
	return nil
}
