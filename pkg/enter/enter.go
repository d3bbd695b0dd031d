// SPDX-License-Identifier: Apache-2.0

// Package enter gives a network namespace a name, and runs a command in one, in the surroundings that
// `ip netns exec` makes for it (iproute2, lib/namespace.c, netns_switch, 6.1): a
// mount namespace of its own, in which /sys shows that network namespace and the
// files of /etc/netns/NAME lie over those of /etc. Or it runs the command in several
// namespaces of one process, as nsenter(1) does.
package enter

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/nsfs"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// Command is a command and where it is to run.
type Command struct {
	File    int          // an open file of the network namespace
	Expect  ns.Namespace // what it must be of: type, inode and, if known, cookie
	NetOnly bool         // enter the namespace, and leave mounts alone
	EtcDir  string       // whose files are to lie over those of /etc, as "/etc/netns/blue"; "" or none there: no files
	Source  string       // what the mount table calls /sys
	Args    []string     // the command and its arguments; looked up in PATH as execvp(3) does
	Env     []string
	Warn    func(error) // is called with what failed without preventing the command

	// Process is whose namespaces are entered instead of that of File. Mounts are left alone
	// then where those of the process are entered, or its network namespace is not.
	Process *Process
}

// Steps that can fail for want of a privilege.
const (
	stepEnter   = "enter the network namespace"
	stepOther   = "enter " // of one of several types
	stepUnshare = "make a mount namespace"
	stepSlave   = "keep mounts from showing outside"
	stepSys     = "mount /sys"
)

// StepError is the error of one step.
type StepError struct {
	Step string
	Err  error
}

func (e *StepError) Error() string { return e.Step + ": " + e.Err.Error() }

// Unwrap returns the error of the kernel.
func (e *StepError) Unwrap() error { return e.Err }

// Entering reports whether the step was to enter the network namespace itself,
// which --net-only cannot do without.
func (e *StepError) Entering() bool { return e.Step == stepEnter }

// Other reports whether the step was to enter one of several namespaces of a process.
func (e *StepError) Other() bool { return !e.Entering() && strings.HasPrefix(e.Step, stepOther) }

// Exec turns the process into the command, so that signals and exit status are
// the command's own; it returns only if that fails. The error is a StepError if
// the command's surroundings could not be made, and a NotRunError if the command
// itself could not be run. The calling process is then in an undefined state and
// has to end. A PID namespace is only entered by a child: that takes Start.
//
// It needs CAP_SYS_ADMIN in the user namespace of the caller and in that of the
// network namespace (net/core/net_namespace.c, netns_install; kernel/nsproxy.c,
// unshare_nsproxy_namespaces; fs/namespace.c, may_mount, 6.18).
func (c *Command) Exec() error {
	// All of it is a matter of one thread, which execve makes the only one of
	// the process (fs/exec.c, de_thread, 6.18). It is never unlocked.
	runtime.LockOSThread()
	if err := c.enter(); err != nil {
		return err
	}
	return c.run(func(program string, args []string) error { return syscall.Exec(program, args, c.Env) })
}

// enter makes the surroundings of the command those of the calling thread.
func (c *Command) enter() error {
	if c.Process != nil {
		if err := c.Process.enterAll(); err != nil {
			return err
		}
		if c.Process.Has(ns.Net) && !c.Process.Has(ns.Mnt) {
			return c.prepareMounts()
		}
		return nil
	}
	if err := c.checkFile(); err != nil {
		return err
	}
	if err := unix.Setns(c.File, unix.CLONE_NEWNET); err != nil {
		return &StepError{stepEnter, err}
	}
	if err := c.checkCookie(); err != nil {
		return err
	}
	if !c.NetOnly {
		if err := c.prepareMounts(); err != nil {
			return err
		}
	}
	return nil
}

// checkFile returns an error unless the open file is certainly of the namespace that is
// meant. setns enters what the file is of, so that no path, and no /proc, is needed to
// know where the thread is then. An open file keeps its namespace and so its inode.
func (c *Command) checkFile() error {
	t, inode, err := nsfs.Read(c.File)
	switch {
	case err != nil:
		return &StepError{stepEnter, fmt.Errorf("it cannot be identified: %w", err)}
	case t != ns.Net || inode != c.Expect.Inode:
		return &StepError{stepEnter, fmt.Errorf("it is %s, not %s", ns.FormatLink(t, inode), c.Expect.String())}
	}
	return nil
}

// checkCookie compares where the thread is with where it was to go, if the cookie of that
// is known. Before Linux 6.18 nothing else shows that an inode was reused for another
// namespace before the file was opened. A cookie that is known and cannot be read, as the
// kernel's list has it from Linux 5.12 and sockets from 5.14 on, is an error.
func (c *Command) checkCookie() error {
	if c.Expect.Cookie == 0 {
		return nil // there is none, or it could not be read before either: the inode is what was asked for
	}
	s, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return &StepError{stepEnter, fmt.Errorf("its cookie cannot be read: open socket: %w", err)}
	}
	defer unix.Close(s)
	cookie, err := unix.GetsockoptUint64(s, unix.SOL_SOCKET, unix.SO_NETNS_COOKIE)
	switch {
	case err != nil:
		return &StepError{stepEnter, fmt.Errorf("its cookie cannot be read: %w", err)}
	case cookie != c.Expect.Cookie:
		return &StepError{stepEnter, fmt.Errorf("%s has ended, and another has its inode", c.Expect.String())}
	}
	return nil
}

// Denied reports whether an error is the want of a privilege.
func Denied(err error) bool { return errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) }
