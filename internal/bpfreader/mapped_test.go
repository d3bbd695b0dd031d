// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package bpfreader

import (
	"os"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/nstest"
)

func TestMapped(t *testing.T) {
	need.Root(t)
	r := open(t, Options{Passes: Files | Mappings | Mapped})
	var ring []byte
	ns := inNew(t, func() { ring = packetRing(t) })
	if got := found(t, r.Files, ns); got != nil {
		t.Errorf("found by descriptor: %+v", got)
	}
	byWalk, bySocket := only(t, found(t, r.Mappings, ns)), only(t, found(t, r.Mapped, ns))
	if byWalk != bySocket {
		t.Errorf("by mapping %+v\nby socket  %+v", byWalk, bySocket)
	}
	if got := bySocket; got.PID != self || got.FD != -1 || got.Kind != KindSocket || got.Family != unix.AF_PACKET || got.Address == 0 {
		t.Errorf("got %+v", got)
	}
	must(t, "unmap", unix.Munmap(ring))
	checkGone(t, r, ns)
	if got := append(found(t, r.Mappings, ns), found(t, r.Mapped, ns)...); got != nil {
		t.Errorf("still found: %+v", got)
	}
}

// TestMappedIsLoadedWhereNeeded checks that the program of Mapped is loaded where a
// namespace has a packet socket, and nowhere else.
func TestMappedIsLoadedWhereNeeded(t *testing.T) {
	need.Root(t)
	open(t, Options{Passes: Mapped}) // skips where the pass is not there
	options := Options{Passes: Mapped, oldObject: os.Getenv("BPFREADER_TEST_OLD") != ""}
	nstest.Eventually(t, func() string { // other tests have such sockets too
		r, err := Open(options)
		must(t, "open", err)
		defer r.Close()
		nets, err := r.Nets()
		must(t, "read namespaces", err)
		if slices.ContainsFunc(nets, func(n Net) bool { return n.Rings }) {
			t.Log("this machine has packet sockets")
			return ""
		}
		_, err = r.Mapped(func(*File) {})
		must(t, "read mapped sockets", err)
		if r.passes[Mapped].done {
			return "loaded without a packet socket"
		}
		return ""
	})
	r, err := Open(options)
	must(t, "open", err)
	defer r.Close()
	var fd int
	ns := inNew(t, func() { fd = newSocket(t, unix.AF_PACKET, unix.SOCK_RAW, 0) })
	defer unix.Close(fd)
	if got := alive(t, r, ns); got == nil || !got.Rings {
		t.Errorf("namespace with a packet socket: %+v", got)
	}
	_, err = r.Mapped(func(*File) {})
	must(t, "read mapped sockets", err)
	if !r.passes[Mapped].done {
		t.Error("not loaded")
	}
}
