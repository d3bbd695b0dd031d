// SPDX-License-Identifier: Apache-2.0

package nstest

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/need"
)

// inPrivateMounts is set in a test that runs in a mount namespace of its own.
const inPrivateMounts = "NSINSPECT_TEST_PRIVATE_MOUNTS"

// InPrivateMounts reports whether this is a process that PrivateMounts has started.
func InPrivateMounts() bool { return os.Getenv(inPrivateMounts) != "" }

// PrivateMounts runs the rest of a test in a process with a mount namespace of its own, and
// reports whether this is that process, which gets further flags. Whatever the test mounts
// ends with it.
func PrivateMounts(t *testing.T, flags ...string) bool {
	t.Helper()
	need.Root(t)
	if InPrivateMounts() {
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			t.Fatalf("make mounts private: %v", err)
		}
		return true
	}
	args := append([]string{"-test.run=^" + t.Name() + "$", "-test.v", "-test.timeout=2m"}, flags...)
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Env = append(os.Environ(), inPrivateMounts+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS, Pdeathsig: unix.SIGKILL}
	runtime.LockOSThread() // what starts a process with Pdeathsig must not end before it
	defer runtime.UnlockOSThread()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("in a mount namespace of its own: %v\n%s", err, out)
	}
	return false
}

// HangingFS mounts a FUSE file system that never answers, as that of a stopped daemon, and
// returns what ends it: with that, or with this process, whoever waits for it gets ENOTCONN.
func HangingFS(t *testing.T, dir string) (end func()) {
	t.Helper()
	fd := mountFUSE(t, dir, "rootmode=40000,user_id=0,group_id=0,allow_other")
	if err := answerInit(fd); err != nil {
		unix.Close(fd)
		t.Fatalf("answer FUSE_INIT: %v", err)
	}
	return serveFUSE(t, dir, fd, takeRequests)
}

// mountFUSE mounts a FUSE file system, and returns the descriptor of its server.
func mountFUSE(t *testing.T, path, options string) (fd int) {
	t.Helper()
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		need.Missing(t, fmt.Sprintf("needs /dev/fuse: %v", err))
	}
	if err := unix.Mount("nstest", path, "fuse.nstest", unix.MS_NOSUID|unix.MS_NODEV, fmt.Sprintf("fd=%d,%s", fd, options)); err != nil {
		unix.Close(fd)
		t.Fatalf("mount FUSE: %v", err)
	}
	return fd
}

// serveFUSE has a server take requests until it is to stop, and returns what ends the file
// system; the end of the test does, too.
func serveFUSE(t *testing.T, path string, fd int, serve func(fd, stop int)) (end func()) {
	t.Helper()
	stop, wake, err := os.Pipe()
	if err != nil {
		unix.Close(fd)
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		serve(fd, int(stop.Fd()))
	}()
	end = sync.OnceFunc(func() {
		wake.Close()
		<-done
		unix.Close(fd) // which aborts the connection (fs/fuse/dev.c, fuse_dev_release, 6.18)
		stop.Close()
	})
	t.Cleanup(func() {
		end()
		_ = unix.Unmount(path, unix.MNT_DETACH) // a test may have done it
	})
	return end
}

// answerInit answers the first request, so that the kernel sends the others
// (include/uapi/linux/fuse.h, struct fuse_in_header, fuse_out_header, fuse_init_out).
func answerInit(fd int) error {
	buf := make([]byte, 1<<17)
	n, err := unix.Read(fd, buf)
	if err != nil || n < 40 {
		return fmt.Errorf("read %d bytes: %w", n, err)
	}
	out := make([]byte, 16+64)
	binary.NativeEndian.PutUint32(out[0:], uint32(len(out)))
	copy(out[8:16], buf[8:16])                        // unique
	binary.NativeEndian.PutUint32(out[16:], 7)        // major
	binary.NativeEndian.PutUint32(out[20:], 31)       // minor
	binary.NativeEndian.PutUint32(out[16+20:], 65536) // max_write
	_, err = unix.Write(fd, out)
	return err
}

// takeRequests reads requests and does not answer: from then on whoever has made one waits
// and cannot be killed (fs/fuse/dev.c, request_wait_answer, 6.18).
func takeRequests(fd, stop int) {
	buf := make([]byte, 1<<17)
	for {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}, {Fd: int32(stop), Events: unix.POLLIN}}
		if _, err := unix.Poll(fds, -1); err != nil && err != unix.EINTR {
			return
		}
		if fds[1].Revents != 0 || fds[0].Revents&unix.POLLERR != 0 {
			return
		}
		if fds[0].Revents != 0 {
			_, _ = unix.Read(fd, buf) // the request may have been taken back
		}
	}
}
