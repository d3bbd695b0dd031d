// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package bpfreader

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/kernel"
	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/nstest"
	"github.com/nsinspect/nsinspect/internal/testlock"
)

// The main thread stays with the main goroutine, so that it never is the one
// that a test moves: it could not end afterwards.
func init() { runtime.LockOSThread() }

// namespace is what a test made: known by inode and cookie.
type namespace struct {
	inode  uint32
	cookie uint64
}

// inNew runs f on a thread in a new network namespace. The thread is never
// unlocked but ends, so that nothing but what f leaves holds the namespace.
func inNew(t *testing.T, f func()) namespace {
	t.Helper()
	testlock.Shared(t)
	type result struct {
		ns  namespace
		err error
	}
	done := make(chan result)
	go func() {
		runtime.LockOSThread()
		var r result
		if r.err = unix.Unshare(unix.CLONE_NEWNET); r.err == nil {
			r.ns, r.err = current()
		}
		if r.err == nil {
			f()
		}
		done <- r
	}()
	r := <-done
	if r.err != nil {
		t.Fatalf("make namespace: %v", r.err)
	}
	return r.ns
}

// current identifies the calling thread's network namespace.
func current() (namespace, error) {
	var st unix.Stat_t
	if err := unix.Stat("/proc/thread-self/ns/net", &st); err != nil {
		return namespace{}, err
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return namespace{}, err
	}
	defer unix.Close(fd)
	cookie, err := unix.GetsockoptUint64(fd, unix.SOL_SOCKET, unix.SO_NETNS_COOKIE)
	if err == unix.ENOPROTOOPT { // before 5.14; before 5.12 the programs see none either
		err = nil
	}
	return namespace{uint32(st.Ino), cookie}, err
}

// must fails the test from any goroutine and goes on.
func must(t testing.TB, what string, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("%s: %v", what, err)
	}
}

func openNS(t *testing.T, flags int) int {
	t.Helper()
	fd, err := unix.Open("/proc/thread-self/ns/net", flags|unix.O_CLOEXEC, 0)
	must(t, "open namespace file", err)
	return fd
}

// mountOf returns the ID of the mount that a path below fd is in; "" is fd itself.
func mountOf(t *testing.T, fd int, name string) int {
	t.Helper()
	var stx unix.Statx_t
	must(t, "statx", unix.Statx(fd, name, unix.AT_EMPTY_PATH, unix.STATX_MNT_ID, &stx))
	return int(stx.Mnt_id)
}

func newSocket(t *testing.T, family, typ, protocol int) int {
	t.Helper()
	fd, err := unix.Socket(family, typ|unix.SOCK_CLOEXEC, protocol)
	must(t, "make socket", err)
	return fd
}

func socketInode(t *testing.T, fd int) uint64 {
	t.Helper()
	var st unix.Stat_t
	must(t, "stat socket", unix.Fstat(fd, &st))
	return st.Ino
}

// packetRing maps a ring of a packet socket and closes the descriptor.
func packetRing(t *testing.T) []byte {
	t.Helper()
	fd := newSocket(t, unix.AF_PACKET, unix.SOCK_RAW, 0)
	defer unix.Close(fd)
	req := unix.TpacketReq{Block_size: 4096, Block_nr: 2, Frame_size: 2048, Frame_nr: 4}
	must(t, "set ring", unix.SetsockoptTpacketReq(fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &req))
	ring, err := unix.Mmap(fd, 0, 2*4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	must(t, "map ring", err)
	return ring
}

// tunNode makes a /dev/net/tun of the test's own, and skips where the kernel has
// no such device.
func tunNode(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tun")
	must(t, "make tun node", unix.Mknod(path, unix.S_IFCHR|0o600, int(unix.Mkdev(10, 200))))
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		need.Missing(t, fmt.Sprintf("needs the tun driver: %v", err))
	}
	closeAll(t, fd)
	return path
}

// openTun opens the node and makes the named device.
func openTun(t *testing.T, node, name string) int {
	t.Helper()
	fd, err := unix.Open(node, unix.O_RDWR|unix.O_CLOEXEC, 0)
	must(t, "open tun", err)
	ifr, err := unix.NewIfreq(name)
	must(t, "name tun", err)
	ifr.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
	must(t, "make tun device", unix.IoctlIfreq(fd, unix.TUNSETIFF, ifr))
	return fd
}

// ringWith makes an io_uring that has the file registered in the second slot.
func ringWith(t *testing.T, file int) int {
	t.Helper()
	const registerFiles = 2
	var params [120]byte
	ring, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, 4, uintptr(unsafe.Pointer(&params)), 0)
	if errno != 0 {
		t.Errorf("make io_uring: %v", errno)
		return -1
	}
	files := [2]int32{-1, int32(file)}
	_, _, errno = unix.Syscall6(unix.SYS_IO_URING_REGISTER, ring, registerFiles, uintptr(unsafe.Pointer(&files)), 2, 0, 0)
	if errno != 0 {
		t.Errorf("register file: %v", errno)
	}
	return int(ring)
}

// send puts files into the queue of the peer of from.
func send(t *testing.T, from int, files ...int) {
	t.Helper()
	must(t, "send files", unix.Sendmsg(from, []byte{0}, unix.UnixRights(files...), nil, 0))
}

func pair(t *testing.T, typ int) (a, b int) {
	t.Helper()
	p, err := unix.Socketpair(unix.AF_UNIX, typ|unix.SOCK_CLOEXEC, 0)
	must(t, "make socket pair", err)
	return p[0], p[1]
}

func closeAll(t *testing.T, fds ...int) {
	t.Helper()
	for _, fd := range fds {
		must(t, "close", unix.Close(fd))
	}
}

// alive looks the namespace up in the kernel's own list.
func alive(t *testing.T, r *Reader, ns namespace) *Net {
	t.Helper()
	nets, err := r.Nets()
	if err != nil {
		t.Fatal(err)
	}
	for i, n := range nets {
		if n.Inode == ns.inode && n.Cookie == ns.cookie {
			return &nets[i]
		}
	}
	return nil
}

// checkGone waits for the namespace to leave the kernel's list: a work queue
// takes it off (cleanup_net), after its last thread was reaped.
func checkGone(t *testing.T, r *Reader, ns namespace) {
	t.Helper()
	nstest.Eventually(t, func() string {
		if alive(t, r, ns) == nil {
			return ""
		}
		return fmt.Sprintf("namespace %d (cookie %d) is still alive", ns.inode, ns.cookie)
	})
}

// open opens a reader for the test. Where the kernel is too old for a pass that
// the test needs, it skips; where the kernel is newer, it fails.
func open(t testing.TB, o Options) *Reader {
	t.Helper()
	testlock.Shared(t)
	o.oldObject = os.Getenv("BPFREADER_TEST_OLD") != ""
	r, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	for _, refusal := range r.Refused() {
		if old(t, refusal.Pass) {
			need.Missing(t, refusal.Err.Error())
		}
		t.Fatalf("refused: %v", refusal.Err)
	}
	return r
}

// old reports whether the kernel is older than the pass.
func old(t testing.TB, p Pass) bool {
	t.Helper()
	for _, prog := range programs {
		if prog.pass == p {
			return kernel.Running().Before(prog.since[0], prog.since[1])
		}
	}
	return false
}

var self = os.Getpid()
