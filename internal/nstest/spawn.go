// SPDX-License-Identifier: Apache-2.0

package nstest

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// token marks all children of this process, and theirs.
var token = strconv.Itoa(os.Getpid()) + "-" + strconv.FormatInt(time.Now().UnixNano(), 36)

// spawner returns what runs functions on one thread that lasts as long as this
// process: a child asks to be killed when the thread that started it ends.
var spawner = sync.OnceValue(func() chan<- func() {
	c := make(chan func())
	go offMain(func() {
		for f := range c {
			f()
		}
	})
	return c
})

// child is a running child process.
type child struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout io.ReadCloser
	exited chan struct{}
	err    error // how it ended, once exited is closed
}

// startChild executes this binary again with an order, and files from besideFD on.
func startChild(o order, files ...*os.File) (*child, error) {
	if !mainCalled {
		return nil, errors.New("start child: nstest.Main was not called: call it first thing in TestMain")
	}
	text, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("write order: %w", err)
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Args[0] = "nstest-" + string(o.Scene)
	cmd.Env = append(os.Environ(), childEnv+"="+string(text), tokenEnv+"="+token)
	cmd.ExtraFiles = slices.DeleteFunc(files, func(f *os.File) bool { return f == nil })
	c := &child{cmd: cmd, exited: make(chan struct{})}
	if c.stdin, err = cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("make pipe to child: %w", err)
	}
	// A guardian outlives its parent: it must keep nobody waiting for the end
	// of a pipe, and no key pressed on a terminal may end it.
	if o.Scene == guardian {
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	} else {
		cmd.Stderr = os.Stderr
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		if c.stdout, err = cmd.StdoutPipe(); err != nil {
			return nil, fmt.Errorf("make pipe from child: %w", err)
		}
	}
	started := make(chan error)
	spawner() <- func() { started <- cmd.Start() }
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start child: %w", err)
	}
	if o.Scene == guardian {
		go c.wait()
	}
	return c, nil
}

func (c *child) wait() {
	c.err = c.cmd.Wait()
	close(c.exited)
}

// truth reads the child's report. It is to be called once; Wait follows it.
func (c *child) truth() (*Truth, error) {
	type result struct {
		r   report
		err error
	}
	got := make(chan result, 1)
	go func() {
		var res result
		line, err := bufio.NewReader(c.stdout).ReadBytes('\n')
		if err != nil {
			res.err = fmt.Errorf("read report of child %d: %w", c.cmd.Process.Pid, err)
		} else if err := json.Unmarshal(line, &res.r); err != nil {
			res.err = fmt.Errorf("parse report of child %d: %w", c.cmd.Process.Pid, err)
		}
		got <- res
		c.wait()
	}()
	select {
	case res := <-got:
		if res.err != nil || res.r.Error == "" {
			return res.r.Truth, res.err
		}
		if res.r.Missing {
			return nil, missingError(res.r.Error)
		}
		return nil, errors.New(res.r.Error)
	case <-time.After(30 * time.Second):
		return nil, fmt.Errorf("read report of child %d: none in 30 s", c.cmd.Process.Pid)
	}
}

// missingError is what the machine lacks, by a child.
type missingError string

func (e missingError) Error() string        { return string(e) }
func (e missingError) Is(target error) bool { return target == errMissing }

// stop asks the child to end, and kills it if it does not.
func (c *child) stop() error {
	c.stdin.Close()
	select {
	case <-c.exited:
	case <-time.After(10 * time.Second):
		return errors.Join(errors.New("end child: still there after 10 s, killed"), c.kill())
	}
	if c.err != nil {
		return fmt.Errorf("end child %d: %w", c.cmd.Process.Pid, c.err)
	}
	return nil
}

// kill ends the child with SIGKILL.
func (c *child) kill() error {
	if err := c.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill child: %w", err)
	}
	<-c.exited
	return nil
}
