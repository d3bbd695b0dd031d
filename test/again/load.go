// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	loadArg   = "load" // has this program be the load
	busyLoops = 2
	forkers   = 2 // each has one child at a time
)

// load is this program once more, as the load that is beside a round.
type load struct {
	cmd     *exec.Cmd
	stopped chan struct{}
	ended   chan error
}

// startLoad starts the load. It ends when it is stopped, and when this process ends.
func startLoad() (*load, error) {
	l := &load{cmd: exec.Command("/proc/self/exe", loadArg), stopped: make(chan struct{}), ended: make(chan error)}
	l.cmd.Stderr = os.Stderr
	// No key pressed on a terminal is to end it.
	l.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL, Setpgid: true}
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // the load is killed when the thread that started it ends
		defer runtime.UnlockOSThread()
		err := l.cmd.Start()
		started <- err
		if err == nil {
			<-l.stopped
			l.ended <- l.kill()
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start the load: %w", err)
	}
	return l, nil
}

// stop ends the load. It returns an error if it had ended before.
func (l *load) stop() error {
	close(l.stopped)
	if err := <-l.ended; err != nil {
		return fmt.Errorf("run the load: %w", err)
	}
	return nil
}

func (l *load) kill() error {
	_ = l.cmd.Process.Kill() // fails only where it has ended, which Wait shows
	err := l.cmd.Wait()
	if status, ok := l.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() && status.Signal() == unix.SIGKILL {
		return nil
	}
	return err
}

// loadMain is the load: busy loops and a storm of short processes. It never returns.
func loadMain() {
	runtime.GOMAXPROCS(busyLoops + forkers)
	for range busyLoops {
		go func() {
			for n := 0; ; n++ { // until the process ends
			}
		}()
	}
	failed := make(chan error)
	for range forkers {
		go func() {
			runtime.LockOSThread() // which the children are to end with
			for {
				cmd := exec.Command("/bin/true")
				cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}
				if err := cmd.Run(); err != nil {
					failed <- err
				}
			}
		}()
	}
	fmt.Fprintln(os.Stderr, "load:", <-failed)
	os.Exit(1)
}
