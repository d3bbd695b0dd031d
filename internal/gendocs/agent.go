// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// playAgent is a process of which one thread went to a namespace of its own. It
// prints the thread's TID and stays until it is killed.
func playAgent() error {
	if err := os.WriteFile("/proc/self/comm", []byte("agent"), 0); err != nil {
		return fmt.Errorf("name the process: %w", err)
	}
	gone := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := errors.Join(
			os.WriteFile("/proc/thread-self/comm", []byte("agent-net"), 0),
			unix.Unshare(unix.CLONE_NEWNET),
		)
		if err == nil {
			_, err = fmt.Println(unix.Gettid())
		}
		gone <- err
		select {} // the thread is never to be used for anything else
	}()
	if err := <-gone; err != nil {
		return fmt.Errorf("split off a thread: %w", err)
	}
	for {
		_ = unix.Pause() // until it is killed
	}
}

func (s *scene) hireAgent() error {
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = []string{"agent"}
	cmd.Env = append(os.Environ(), roleEnv+"=agent")
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("start the agent: %w", err)
	}
	if s.Agent.PID, err = s.hire(cmd); err != nil {
		return err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return fmt.Errorf("wait for the agent: %w", err)
	}
	if s.TID, err = strconv.Atoi(strings.TrimSpace(line)); err != nil {
		return fmt.Errorf("read the agent's thread: %w", err)
	}
	s.Thread, err = inodeOf(procPath(s.Agent.PID, fmt.Sprintf("/task/%d/ns/net", s.TID)))
	s.keep[s.Thread] = true
	return err
}

// props are the names that hold nothing: a symlink, one that dangles, and a
// plain file.
func (s *scene) props() error {
	ended := exec.Command("true")
	if err := ended.Run(); err != nil {
		return fmt.Errorf("run true: %w", err)
	}
	return errors.Join(
		os.Symlink(procPath(s.Web.PID, "/ns/net"), namesDir+"/web"),
		os.Symlink(procPath(ended.Process.Pid, "/ns/net"), namesDir+"/gone"),
		os.WriteFile(namesDir+"/leftover", nil, 0o444),
	)
}
