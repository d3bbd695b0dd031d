// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package bpfreader

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/nstest"
)

// found returns the records of a pass that refer to the namespace, as soon
// as two passes agree: another program that looks at it has it open for a moment.
func found(t *testing.T, pass func(func(*File)) (Totals, error), ns namespace) []File {
	t.Helper()
	var got []File
	looks := 0
	if !nstest.Eventually(t, func() string {
		before := got
		got = nil
		if _, err := pass(func(f *File) {
			if f.Namespace == ns.inode && f.Cookie == ns.cookie {
				got = append(got, *f)
			}
		}); err != nil { // what another program has may be too much for one pass
			return err.Error()
		}
		if looks++; looks == 1 || !slices.Equal(got, before) {
			const most = 8 // some tests have 100,000
			return fmt.Sprintf("records differ from pass to pass: %d, %+v, then %d, %+v", len(before), before[:min(most, len(before))], len(got), got[:min(most, len(got))])
		}
		return ""
	}) {
		t.FailNow()
	}
	return got
}

// only checks that there is exactly one record, and returns it.
func only(t *testing.T, files []File) File {
	t.Helper()
	if len(files) != 1 {
		t.Fatalf("got %d records, want 1: %+v", len(files), files)
	}
	return files[0]
}

// TestDescriptors makes each kind of descriptor the only holder of a namespace.
func TestDescriptors(t *testing.T) {
	need.Root(t)
	r := open(t, Options{Passes: Files | Nets})
	tests := []struct {
		name string
		make func(t *testing.T) int
		want File
	}{
		{"namespace file", func(t *testing.T) int { return openNS(t, unix.O_RDONLY) },
			File{Kind: KindNSFS}},
		{"O_PATH", func(t *testing.T) int { return openNS(t, unix.O_PATH) },
			File{Kind: KindNSFS, Flags: OPath}},
		{"detached mount", func(t *testing.T) int {
			fd, err := unix.OpenTree(unix.AT_FDCWD, "/proc/thread-self/ns/net", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
			must(t, "open_tree", err)
			return fd
		}, File{Kind: KindNSFS, Flags: OPath | Detached}},
		{"inet socket", func(t *testing.T) int { return newSocket(t, unix.AF_INET, unix.SOCK_STREAM, 0) },
			File{Kind: KindSocket, Family: unix.AF_INET, SockType: unix.SOCK_STREAM, Protocol: unix.IPPROTO_TCP}},
		{"netlink socket", func(t *testing.T) int {
			return newSocket(t, unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_GENERIC)
		}, File{Kind: KindSocket, Family: unix.AF_NETLINK, SockType: unix.SOCK_RAW, Protocol: unix.NETLINK_GENERIC}},
		{"packet socket", func(t *testing.T) int { return newSocket(t, unix.AF_PACKET, unix.SOCK_DGRAM, 0) },
			File{Kind: KindSocket, Family: unix.AF_PACKET, SockType: unix.SOCK_DGRAM}},
		{"unix socket", func(t *testing.T) int { return newSocket(t, unix.AF_UNIX, unix.SOCK_SEQPACKET, 0) },
			File{Kind: KindSocket, Family: unix.AF_UNIX, SockType: unix.SOCK_SEQPACKET}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var fd int
			ns := inNew(t, func() { fd = tt.make(t) })
			got := only(t, found(t, r.Files, ns))
			want := tt.want
			want.Namespace, want.Cookie, want.Type = ns.inode, ns.cookie, unix.CLONE_NEWNET
			want.PID, want.TID, want.FD, want.Slot, want.TaskNS = self, self, fd, -1, hostNS(t)
			if want.Kind == KindSocket {
				want.Socket = socketInode(t, fd)
			}
			if born := statOf(t, "self"); born.IsOf(got.Born) {
				want.Born = got.Born // to the nanosecond
			} else {
				want.Born = born.Born()
			}
			want.Object, want.Beside = got.Object, got.Beside
			if got != want || got.Object == 0 {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
			if n := alive(t, r, ns); n == nil || n.Refs < 1 {
				t.Errorf("kernel's list has %+v", n)
			}
			closeAll(t, fd)
			checkGone(t, r, ns)
			if got := found(t, r.Files, ns); got != nil {
				t.Errorf("still found: %+v", got)
			}
		})
	}
}

func hostNS(t *testing.T) uint32 {
	t.Helper()
	var st unix.Stat_t
	must(t, "stat own namespace", unix.Stat("/proc/self/ns/net", &st))
	return uint32(st.Ino)
}

func TestOtherTypes(t *testing.T) {
	need.Root(t)
	fd, err := unix.Open("/proc/self/ns/uts", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	for _, tt := range []struct {
		types uint32
		want  int
	}{{0, 1}, {unix.CLONE_NEWUTS, 1}, {unix.CLONE_NEWNET, 0}} {
		n := 0
		_, err := open(t, Options{Passes: Files, Types: tt.types}).Files(func(f *File) {
			if f.PID == self && f.FD == fd && f.Type == unix.CLONE_NEWUTS {
				n++
			}
		})
		if err != nil || n != tt.want {
			t.Errorf("types %#x: %d records, %v; want %d", tt.types, n, err, tt.want)
		}
	}
}

// TestOwnSockets checks that sockets in their task's namespace are counted, and come
// only where they were asked for.
func TestOwnSockets(t *testing.T) {
	need.Root(t)
	fd := newSocket(t, unix.AF_INET, unix.SOCK_DGRAM, 0)
	defer unix.Close(fd)
	for _, own := range []bool{false, true} {
		n := 0
		totals, err := open(t, Options{Passes: Files, OwnNS: own}).Files(func(f *File) {
			if f.PID == self && f.FD == fd {
				n++
			}
		})
		if err != nil || (n == 1) != own || (totals.OwnNS > 0) == own {
			t.Errorf("own %v: %d records, totals %+v, %v", own, n, totals, err)
		}
	}
}

func TestPrivateTable(t *testing.T) {
	need.Root(t)
	r := open(t, Options{Passes: Files | Nets})
	tid, stop := make(chan int), make(chan struct{})
	end := sync.OnceFunc(func() { close(stop) })
	defer end()
	var fd int
	ns := inNew(t, func() { fd = openNS(t, unix.O_RDONLY) })
	go func() {
		runtime.LockOSThread()
		must(t, "unshare table", unix.Unshare(unix.CLONE_FILES))
		tid <- unix.Gettid()
		<-stop
	}()
	thread := <-tid
	closeAll(t, fd)
	got := only(t, found(t, r.Files, ns))
	if got.PID != self || got.TID != thread || got.FD != fd {
		t.Errorf("got %+v, want thread %d, fd %d", got, thread, fd)
	}
	end()
	checkGone(t, r, ns)
}

func TestTun(t *testing.T) {
	need.Root(t)
	r := open(t, Options{Passes: Files | Nets})
	var fd int
	node := tunNode(t)
	ns := inNew(t, func() { fd = openTun(t, node, "bpfreader0") })
	got := only(t, found(t, r.Files, ns))
	if got.Kind != KindTun || got.FD != fd {
		t.Errorf("got %+v", got)
	}
	// A module's types are unknown before 5.11: the descriptor's fdinfo names the
	// device then.
	if _, err := os.Stat("/sys/kernel/btf/tun"); err == nil || got.DeviceNS != 0 {
		if got.DeviceName() != "bpfreader0" || got.DeviceNS != ns.inode {
			t.Errorf("device %q in %d, want bpfreader0 in %d", got.DeviceName(), got.DeviceNS, ns.inode)
		}
	}
	closeAll(t, fd)
	checkGone(t, r, ns)
}

func TestRing(t *testing.T) {
	need.Root(t)
	r := open(t, Options{Passes: Files | Mappings | Nets})
	if off, err := os.ReadFile("/proc/sys/kernel/io_uring_disabled"); err == nil && off[0] == '2' {
		need.Missing(t, "needs io_uring, which kernel.io_uring_disabled forbids")
	}
	var ring int
	ns := inNew(t, func() {
		fd := openNS(t, unix.O_RDONLY)
		ring = ringWith(t, fd)
		closeAll(t, fd)
	})
	got := only(t, found(t, r.Files, ns))
	if got.Kind != KindNSFS || got.Flags != Registered || got.FD != ring || got.Slot != 1 {
		t.Errorf("got %+v", got)
	}
	mem, err := unix.Mmap(ring, 0, 4096, unix.PROT_READ, unix.MAP_SHARED)
	must(t, "map ring", err)
	closeAll(t, ring)
	if got := found(t, r.Files, ns); got != nil {
		t.Errorf("still found by descriptor: %+v", got)
	}
	got = only(t, found(t, r.Mappings, ns))
	if got.FD != -1 || got.Slot != 1 || got.Address == 0 {
		t.Errorf("got %+v", got)
	}
	must(t, "unmap", unix.Munmap(mem))
	checkGone(t, r, ns)
}

// TestFilesWithoutTables checks that open files are read where the kernel refuses the program
// that reads whole tables, which is the only one for that in the smaller object.
func TestFilesWithoutTables(t *testing.T) {
	need.Root(t)
	r := open(t, Options{Passes: Files})
	r.passes[Files].unload()
	r.passes[Files].err = ErrRefused
	var fd int
	ns := inNew(t, func() {
		var err error
		fd, err = unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		must(t, "open", err)
	})
	if got := only(t, found(t, r.Files, ns)); got.FD != fd {
		t.Errorf("got %+v, want fd %d", got, fd)
	}
	closeAll(t, fd)
	r.passes[Files].unload()
	if _, err := r.Files(func(*File) {}); !errors.Is(err, errClosed) {
		t.Errorf("unloaded: %v", err)
	}
}

// TestOpenedThroughUnmounted opens a namespace by a bind mount that is gone
// then: its link reads "/", yet the file is what it is.
func TestOpenedThroughUnmounted(t *testing.T) {
	need.Root(t)
	r := open(t, Options{Passes: Files | Nets})
	path := filepath.Join(t.TempDir(), "ns")
	var fd int
	ns := inNew(t, func() {
		f, err := unix.Open(path, unix.O_CREAT|unix.O_RDONLY|unix.O_CLOEXEC, 0o600)
		must(t, "make mount point", err)
		closeAll(t, f)
		must(t, "mount", unix.Mount("/proc/thread-self/ns/net", path, "", unix.MS_BIND, ""))
		fd, err = unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		must(t, "open by mount", err)
		must(t, "unmount", unix.Unmount(path, unix.MNT_DETACH))
	})
	if got := only(t, found(t, r.Files, ns)); got.FD != fd {
		t.Errorf("got %+v, want fd %d", got, fd)
	}
	closeAll(t, fd)
	checkGone(t, r, ns)
}
