// SPDX-License-Identifier: Apache-2.0

package nstest

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// checks are, for each kind, what else can be seen of it, beside what
// checkExclusive does see.
var checks = map[Kind]func(*testing.T, *Scene){
	Process:             checkProcess,
	Thread:              checkThread,
	ZombieLeader:        checkZombieLeader,
	FD:                  checkFD,
	FDPath:              checkFDPath,
	FDThread:            checkFDThread,
	FDUnmounted:         checkFDUnmounted,
	FDDetached:          checkFDDetached,
	Mount:               func(*testing.T, *Scene) {},
	MountPrivate:        checkMountPrivate,
	MountFD:             checkMountFD,
	MountMount:          checkMountMount,
	MountTree:           checkMountTree,
	MountGone:           checkMountTree,
	Socket:              checkSocket(unix.AF_INET, unix.SOCK_STREAM),
	SocketInet6Dgram:    checkSocket(unix.AF_INET6, unix.SOCK_DGRAM),
	SocketPacket:        checkSocket(unix.AF_PACKET, unix.SOCK_RAW),
	SocketNetlink:       checkSocket(unix.AF_NETLINK, unix.SOCK_RAW),
	SocketUnixStream:    checkSocket(unix.AF_UNIX, unix.SOCK_STREAM),
	SocketUnixDgram:     checkSocket(unix.AF_UNIX, unix.SOCK_DGRAM),
	SocketUnixSeqpacket: checkSocket(unix.AF_UNIX, unix.SOCK_SEQPACKET),
	SocketUnaccepted:    checkSocketUnaccepted,
	SocketPeer:          checkPeer,
	Tun:                 checkTun,
	Tap:                 checkTun,
	TunMoved:            checkTun,
	TunBare:             checkTun,
	Macvtap:             checkMacvtap,
	Mmap:                checkMmap,
	Inflight:            checkInflight,
	InflightSocket:      checkInflight,
	InflightNested:      checkInflight,
	InflightUnaccepted:  checkInflight,
	InflightSender:      checkSender,
	IOURing:             checkIOURing,
	IOURingRegistered:   checkNoFD,
	IOURingMapped:       checkNoFD,
	IOURingPoll:         checkNoFD,
	AIOPoll:             checkNoFD,
	ProcNet:             checkProcNet,
	Inotify:             checkWatch,
	Fanotify:            checkWatch,
	Veth:                checkVeth,
}

func TestScenes(t *testing.T) {
	CheckLeaks(t)
	for _, k := range Kinds() {
		t.Run(string(k), func(t *testing.T) {
			t.Parallel()
			if checks[k] == nil {
				t.Fatal("no check for this kind")
			}
			s := Make(t, k)
			if len(s.Holders) != 1 || s.Holders[0].Kind != k.Holder() {
				t.Fatalf("holders are %+v, want one of kind %s", s.Holders, k.Holder())
			}
			for tr := &s.Truth; tr != nil; tr = tr.Peer {
				checkAlive(t, tr.Namespace)
				checkExclusive(t, tr)
			}
			t.Run("check", func(t *testing.T) { checks[k](t, s) })
			s.Free()
			for _, ns := range s.all() {
				checkGone(t, ns)
			}
		})
	}
}

// TestKill ends every scene with SIGKILL.
func TestKill(t *testing.T) {
	CheckLeaks(t)
	for _, k := range Kinds() {
		t.Run(string(k), func(t *testing.T) {
			t.Parallel()
			s := Make(t, k)
			if err := s.Kill(); err != nil {
				t.Fatal(err)
			}
			if k != Mount {
				if err := waitGone(s.all()); err != nil {
					t.Error(err)
				}
			}
			s.Free()
			checkGone(t, s.Namespace)
		})
	}
}

func inode(t *testing.T, format string, args ...any) uint64 {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(fmt.Sprintf(format, args...), &st); err != nil {
		t.Errorf("stat %s: %v", fmt.Sprintf(format, args...), err)
	}
	return st.Ino
}

func checkProcess(t *testing.T, s *Scene) {
	if got := inode(t, "/proc/%d/ns/net", s.Holders[0].PID); got != s.Inode {
		t.Errorf("process is in %d, want %d", got, s.Inode)
	}
}

func checkThread(t *testing.T, s *Scene) {
	h := s.Holders[0]
	if h.TID == h.PID {
		t.Error("the thread is the process's first")
	}
	if got, own := inode(t, "/proc/%d/ns/net", h.PID), inode(t, "/proc/self/ns/net"); got != own {
		t.Errorf("process is in %d, want our own, %d", got, own)
	}
	comm, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/comm", h.PID, h.TID))
	if string(comm) != h.Comm+"\n" {
		t.Errorf("thread is called %q, want %q", comm, h.Comm)
	}
}

func checkZombieLeader(t *testing.T, s *Scene) {
	pid := s.Holders[0].PID
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if !strings.Contains(string(status), "State:\tZ") {
		t.Errorf("process is no zombie: %s", status)
	}
	if link, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", pid)); err == nil {
		t.Errorf("first thread is still in %s", link)
	}
}

func checkFD(t *testing.T, s *Scene) {
	if got, want := linkOf(t, s.Holders[0]), fmt.Sprintf("net:[%d]", s.Inode); got != want {
		t.Errorf("link is %q, want %q", got, want)
	}
}

func checkFDPath(t *testing.T, s *Scene) {
	var flags int
	if _, err := fmt.Sscanf(fdinfo(t, s.Holders[0], "flags"), "%o", &flags); err != nil || flags&unix.O_PATH == 0 {
		t.Errorf("flags are %o, want O_PATH among them (%v)", flags, err)
	}
}

func checkFDThread(t *testing.T, s *Scene) {
	h := s.Holders[0]
	if link, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", h.PID, *h.FD)); err == nil {
		t.Errorf("the process's own table has %s at %d", link, *h.FD)
	}
	if got := inode(t, "/proc/%d/task/%d/ns/net", h.PID, h.TID); got == s.Inode {
		t.Error("the thread is in the namespace")
	}
}

func checkFDUnmounted(t *testing.T, s *Scene) {
	if link := linkOf(t, s.Holders[0]); link != "/" {
		t.Errorf("link is %q, want /", link)
	}
}

// checkFDDetached knows a detached mount by its ID: it is not that of nsfs
// itself, which files opened by /proc are on.
func checkFDDetached(t *testing.T, s *Scene) {
	fd, err := unix.Open("/proc/self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	plain := Holder{PID: os.Getpid(), FD: &fd}
	if a, b := fdinfo(t, s.Holders[0], "mnt_id"), fdinfo(t, plain, "mnt_id"); a == b || a == "" {
		t.Errorf("mount ID is %q, that of nsfs itself %q", a, b)
	}
}

func ioctlUint64(fd int, request uint) (uint64, error) {
	var v uint64
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), uintptr(request), uintptr(unsafe.Pointer(&v)))
	if errno != 0 {
		return 0, errno
	}
	return v, nil
}
