// SPDX-License-Identifier: Apache-2.0

package enter

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// NotRunError is the error for a command that could not be run. Status is the exit status
// that shells have for it: 127 if there is none of that name, 126 if it cannot be
// executed.
type NotRunError struct {
	Command string
	Status  int
	Err     error
}

func (e *NotRunError) Error() string { return fmt.Sprintf("run %s: %v", e.Command, e.Err) }

// Unwrap returns the error of the kernel.
func (e *NotRunError) Unwrap() error { return e.Err }

// run has start, which returns the kernel's error, execute the command by the rules of
// execvp(3): a name without a slash is looked for in every directory of PATH, also after one
// that may not be executed, and what has no format that the kernel knows is a shell script.
// The error is nil once it has started.
func (c *Command) run(start func(program string, args []string) error) error {
	name := c.Args[0]
	if name == "" || strings.Contains(name, "/") {
		return c.notRun(c.execute(start, name))
	}
	err := error(unix.ENOENT)
	for _, dir := range strings.Split(c.path(), ":") {
		if dir == "" {
			dir = "."
		}
		switch e := c.execute(start, dir+"/"+name); e {
		case nil:
			return nil
		case unix.ENOENT, unix.ENOTDIR, unix.ESTALE, unix.ENODEV, unix.ETIMEDOUT:
		case unix.EACCES:
			err = e // unless there is one that may
		default:
			return c.notRun(e)
		}
	}
	return c.notRun(err)
}

func (c *Command) path() string {
	for _, kv := range c.Env {
		if path, ok := strings.CutPrefix(kv, "PATH="); ok {
			return path
		}
	}
	return "/bin:/usr/bin" // as execvp(3) of glibc has it
}

// execute starts one program.
func (c *Command) execute(start func(string, []string) error, program string) error {
	err := start(program, c.Args)
	if err == unix.ENOEXEC {
		err = start("/bin/sh", append([]string{"/bin/sh", program}, c.Args[1:]...))
	}
	return err
}

func (c *Command) notRun(err error) error {
	if err == nil {
		return nil
	}
	status := 126
	if err == unix.ENOENT || err == unix.ENOTDIR {
		status = 127
	}
	return &NotRunError{c.Args[0], status, err}
}
