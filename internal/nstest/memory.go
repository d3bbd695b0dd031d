// SPDX-License-Identifier: Apache-2.0

package nstest

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
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
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		need.Missing(t, fmt.Sprintf("needs /dev/fuse: %v", err))
	}
	options := fmt.Sprintf("fd=%d,rootmode=100000,user_id=0,group_id=0", fd)
	if err := unix.Mount("locked", file, "fuse.locked", unix.MS_NOSUID|unix.MS_NODEV, options); err != nil {
		t.Fatalf("mount FUSE: %v", err)
	}
	asked := make(chan struct{})
	stop, wake, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		servePage(fd, int(stop.Fd()), asked)
	}()
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
		wake.Close()
		<-done
		unix.Close(fd) // which aborts the connection
		if cmd.Process != nil {
			_ = cmd.Process.Kill() // it may have ended
			_ = cmd.Wait()
		}
		_ = unix.Unmount(file, unix.MNT_DETACH)
		stop.Close()
	})
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-asked
	in.Close()
	if !Eventually(t, func() string { return waitsFor(cmd.Process.Pid, unix.SYS_MMAP) }) {
		t.FailNow()
	}
	return cmd.Process.Pid
}

// waitsFor returns "" if a thread of a process is in a system call, and does not run.
func waitsFor(pid, call int) string {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
	for _, thread := range threads {
		text, _ := os.ReadFile(thread + "/syscall") // if it fails, the thread is gone
		if strings.HasPrefix(string(text), fmt.Sprint(call, " ")) {
			return ""
		}
	}
	return fmt.Sprintf("no thread of %d waits in call %d: %v, %v", pid, call, threads, err)
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

// servePage answers the requests for a file (include/uapi/linux/fuse.h) up to the second one for
// a page of it, which is asked for with the memory locked (mm/filemap.c, filemap_fault, 6.18).
func servePage(fd, stop int, asked chan<- struct{}) {
	const (
		getattr, open, read, initialize = 3, 14, 15, 26
		header                          = 16
	)
	buf := make([]byte, 1<<17)
	for reads := 0; ; {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}, {Fd: int32(stop), Events: unix.POLLIN}}
		if _, err := unix.Poll(fds, -1); err != nil && err != unix.EINTR || fds[1].Revents != 0 || fds[0].Revents&unix.POLLERR != 0 {
			return
		}
		n, err := unix.Read(fd, buf)
		if err != nil || n < 40 {
			continue
		}
		out, failure := make([]byte, header), -int32(unix.ENOSYS)
		switch binary.NativeEndian.Uint32(buf[4:]) {
		case initialize:
			out, failure = append(out, make([]byte, 64)...), 0
			binary.NativeEndian.PutUint32(out[header:], 7)
			binary.NativeEndian.PutUint32(out[header+4:], 31)
			binary.NativeEndian.PutUint32(out[header+20:], 65536) // max_write
		case getattr:
			out, failure = append(out, make([]byte, 104)...), 0
			binary.NativeEndian.PutUint64(out[header:], 1000)                    // valid for seconds
			binary.NativeEndian.PutUint64(out[header+16:], 1)                    // inode
			binary.NativeEndian.PutUint64(out[header+24:], 4096)                 // size
			binary.NativeEndian.PutUint32(out[header+16+60:], unix.S_IFREG|0600) // mode
			binary.NativeEndian.PutUint32(out[header+16+64:], 1)                 // links
		case open:
			out, failure = append(out, make([]byte, 16)...), 0
		case read:
			if reads++; reads == 2 {
				close(asked)
			}
			if reads > 1 {
				continue
			}
			failure = -int32(unix.EIO)
		}
		binary.NativeEndian.PutUint32(out, uint32(len(out)))
		binary.NativeEndian.PutUint32(out[4:], uint32(failure))
		copy(out[8:16], buf[8:16]) // unique
		_, _ = unix.Write(fd, out) // whoever asked may have ended
	}
}
