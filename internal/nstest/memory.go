// SPDX-License-Identifier: Apache-2.0

// In a 32-bit program the call is mmap2.

//go:build amd64 || arm64

package nstest

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/need"
)

// lockedEnv is set in a process that LockedMemory has started, to the file that it maps.
const lockedEnv = "NSTEST_LOCKED_MEMORY"

func init() {
	if name := os.Getenv(lockedEnv); name != "" {
		fmt.Fprintln(os.Stderr, "nstest: lock memory:", lockMemory(name))
		os.Exit(2)
	}
}

// LockedMemory starts a process in a network namespace of its own whose command line nobody can
// read until the test ends, and returns its PID. One thread waits for a page of a FUSE file
// with its memory locked, for which another thread waits to change it, and then everybody
// (kernel/locking/rwsem.c, rwsem_down_read_slowpath, 6.18). It needs mounts of the test's own.
func LockedMemory(t *testing.T) (pid int) {
	t.Helper()
	need.Root(t)
	asked := make(chan struct{})
	file, end := fuseFile(t, asked)
	cmd := exec.Command("/proc/self/exe")
	cmd.Args[0] = "nstest-locked"
	cmd.Env = []string{lockedEnv + "=" + file}
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		end()
		if cmd.Process != nil {
			_ = cmd.Process.Kill() // it may have ended
			_ = cmd.Wait()
		}
	})
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-asked
	in.Close()
	if !Waits(t, cmd.Process.Pid, unix.SYS_MMAP) {
		t.FailNow()
	}
	return cmd.Process.Pid
}

// lockMemory is what the process does.
func lockMemory(name string) error {
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return err
	}
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	if _, err := f.Stat(); err != nil { // which gets its size
		return err
	}
	page, err := unix.Mmap(int(f.Fd()), 0, 4096, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return err
	}
	_, w, err := os.Pipe()
	if err != nil {
		return err
	}
	go func() {
		runtime.LockOSThread()
		// In a system call, so that the runtime does not wait for the thread.
		_, _, _ = syscall.Syscall(syscall.SYS_WRITE, w.Fd(), uintptr(unsafe.Pointer(&page[0])), uintptr(len(page)))
	}()
	if _, err := os.Stdin.Read(make([]byte, 1)); err == nil { // until the page was asked for
		return os.ErrInvalid
	}
	_, err = unix.Mmap(-1, 0, 4096, unix.PROT_READ, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	return err
}
