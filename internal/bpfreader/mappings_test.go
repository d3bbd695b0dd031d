// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package bpfreader

import (
	"fmt"
	"os"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/need"
)

// TestMappingsMany has so many mappings that their tree has several levels, with packet rings
// between them: each is found once, and none when it is unmapped.
func TestMappingsMany(t *testing.T) {
	need.Root(t)
	r := open(t, Options{Passes: Mappings | Nets})
	const many, every = 6000, 100
	file, err := os.CreateTemp(t.TempDir(), "mapped")
	must(t, "make a file", err)
	defer file.Close()
	must(t, "make it longer", file.Truncate(int64(os.Getpagesize())))
	var all [][]byte
	defer func() {
		for _, one := range all {
			must(t, "unmap", unix.Munmap(one))
		}
	}()
	var rings [][]byte
	ns := inNew(t, func() {
		for i := range many {
			if i%every == 0 {
				rings = append(rings, packetRing(t))
			}
			// Neighbours that are alike would become one.
			one, err := unix.Mmap(int(file.Fd()), 0, os.Getpagesize(), unix.PROT_READ|i%2*unix.PROT_WRITE, unix.MAP_SHARED)
			must(t, "map a file", err)
			all = append(all, one)
		}
	})
	for left := rings; len(left) > 0; left = left[len(left)/2+1:] {
		want, got := map[uint64]bool{}, map[uint64]bool{}
		for _, f := range found(t, r.Mappings, ns) {
			if f.Kind != KindSocket || f.Flags&InMapping == 0 || f.PID != self || f.FD != -1 || got[f.Address] {
				t.Errorf("got %+v", f)
			}
			got[f.Address] = true
		}
		for _, ring := range left {
			want[uint64(uintptr(unsafe.Pointer(unsafe.SliceData(ring))))] = true
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%d packet rings: found %d, or others", len(want), len(got))
		}
		for _, ring := range left[:len(left)/2+1] {
			must(t, "unmap", unix.Munmap(ring))
		}
	}
	checkGone(t, r, ns)
}

// TestClosedPeers has a socket of a namespace that is closed, and one elsewhere that is still
// connected to it: until that sends something.
func TestClosedPeers(t *testing.T) {
	need.Root(t)
	r := open(t, Options{Passes: ClosedPeers | Nets})
	name := &unix.SockaddrUnix{Name: t.TempDir() + "/peer"}
	var peer int
	ns := inNew(t, func() {
		peer = newSocket(t, unix.AF_UNIX, unix.SOCK_DGRAM, 0)
		must(t, "bind", unix.Bind(peer, name))
	})
	from := newSocket(t, unix.AF_UNIX, unix.SOCK_DGRAM, 0)
	defer unix.Close(from)
	must(t, "connect", unix.Connect(from, name))
	if got := found(t, r.ClosedPeers, ns); got != nil {
		t.Errorf("found while it is open: %+v", got)
	}
	closeAll(t, peer)
	got := only(t, found(t, r.ClosedPeers, ns))
	if got.Kind != KindSocket || got.Flags != ClosedPeer || got.PID != self || got.FD != from || got.SockType != unix.SOCK_DGRAM || got.Object == 0 {
		t.Errorf("got %+v", got)
	}
	if _, err := unix.Write(from, []byte("x")); err != unix.ECONNREFUSED {
		t.Errorf("send to a closed socket: %v", err)
	}
	checkGone(t, r, ns)
}
