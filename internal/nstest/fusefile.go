// SPDX-License-Identifier: Apache-2.0

package nstest

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// silentEnv is set in a process that SilentFiles has started, to the file that it opens.
const silentEnv = "NSTEST_SILENT_FILES"

func init() {
	if name := os.Getenv(silentEnv); name != "" {
		fmt.Fprintln(os.Stderr, "nstest: open silent file:", openSilent(name))
		os.Exit(2)
	}
}

// Silent is a process with descriptors that hang whoever looks at them.
type Silent struct {
	PID   int
	File  int    // on FUSE, which does not answer when it is closed
	Epoll int    // is locked, as the file is added to it
	End   func() // lets go of who hangs
}

// SilentFiles starts such a process, which ends with the test. It needs mounts of the test's
// own.
func SilentFiles(t *testing.T) Silent {
	t.Helper()
	name, end := fuseFile(t, make(chan struct{}), fusePoll, fuseFlush)
	cmd := exec.Command("/proc/self/exe")
	cmd.Args[0] = "nstest-silent"
	cmd.Env = []string{silentEnv + "=" + name}
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		end()
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
	})
	s := Silent{PID: cmd.Process.Pid, End: end}
	if _, err := fmt.Fscan(out, &s.File, &s.Epoll); err != nil {
		t.Fatalf("read descriptors: %v", err)
	}
	if !Waits(t, s.PID, unix.SYS_EPOLL_CTL) {
		t.FailNow()
	}
	return s
}

// openSilent is what the process does.
func openSilent(name string) error {
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return err
	}
	fd, err := unix.Open(name, unix.O_RDONLY, 0)
	if err != nil {
		return err
	}
	epoll, err := unix.EpollCreate1(0)
	if err != nil {
		return err
	}
	fmt.Println(fd, epoll)
	return unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN})
}

// The requests that are answered, or are not (include/uapi/linux/fuse.h, enum fuse_opcode).
const (
	fuseGetattr, fuseOpen, fuseRead, fuseFlush, fuseInit, fusePoll = 3, 14, 15, 25, 26, 40
)

// fuseFile mounts a FUSE file system that is one file, and returns its path and what ends it.
// The second request for a page of it is not answered, and closes asked; nor are requests of
// silent.
func fuseFile(t *testing.T, asked chan<- struct{}, silent ...uint32) (name string, end func()) {
	t.Helper()
	name = filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	fd := mountFUSE(t, name, "rootmode=100000,user_id=0,group_id=0")
	return name, serveFUSE(t, name, fd, func(fd, stop int) { serveFile(fd, stop, asked, silent) })
}

// serveFile answers the requests for a file up to the second one for a page of it, which is asked
// for with the memory locked (mm/filemap.c, filemap_fault, 6.18).
func serveFile(fd, stop int, asked chan<- struct{}, silent []uint32) {
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
		request := binary.NativeEndian.Uint32(buf[4:])
		if request == fuseRead {
			if reads++; reads == 2 {
				close(asked)
			}
		}
		if out := fileAnswer(request); reads < 2 && !slices.Contains(silent, request) {
			copy(out[8:16], buf[8:16]) // unique
			_, _ = unix.Write(fd, out) // whoever asked may have ended
		}
	}
}

// fileAnswer returns the answer to a request (struct fuse_out_header and what is behind it).
func fileAnswer(request uint32) []byte {
	const header = 16
	out, failure := make([]byte, header), unix.Errno(0)
	switch request {
	case fuseInit:
		out = append(out, make([]byte, 64)...)
		binary.NativeEndian.PutUint32(out[header:], 7)
		binary.NativeEndian.PutUint32(out[header+4:], 31)
		binary.NativeEndian.PutUint32(out[header+20:], 65536) // max_write
	case fuseGetattr:
		out = append(out, make([]byte, 104)...)
		binary.NativeEndian.PutUint64(out[header:], 1000)                    // valid for seconds
		binary.NativeEndian.PutUint64(out[header+16:], 1)                    // inode
		binary.NativeEndian.PutUint64(out[header+24:], 4096)                 // size
		binary.NativeEndian.PutUint32(out[header+16+60:], unix.S_IFREG|0600) // mode
		binary.NativeEndian.PutUint32(out[header+16+64:], 1)                 // links
	case fuseOpen:
		out = append(out, make([]byte, 16)...)
	case fuseRead:
		failure = unix.EIO
	default:
		failure = unix.ENOSYS
	}
	binary.NativeEndian.PutUint32(out, uint32(len(out)))
	binary.NativeEndian.PutUint32(out[4:], uint32(-int32(failure)))
	return out
}
