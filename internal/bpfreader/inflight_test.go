// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package bpfreader

import (
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/nstest"
)

func TestInFlight(t *testing.T) {
	need.Root(t)
	r := open(t, Options{})
	for _, typ := range []int{unix.SOCK_STREAM, unix.SOCK_DGRAM, unix.SOCK_SEQPACKET} {
		t.Run(fmt.Sprint(typ), func(t *testing.T) {
			from, to := pair(t, typ)
			var fd int
			ns := inNew(t, func() { fd = openNS(t, unix.O_RDONLY) })
			send(t, from) // one without files before it
			send(t, from, fd)
			closeAll(t, fd)
			want := File{Kind: KindNSFS, Namespace: ns.inode, Cookie: ns.cookie, Type: unix.CLONE_NEWNET,
				FD: -1, Slot: -1, Queue: socketInode(t, to), QueueNS: hostNS(t)}
			got := only(t, found(t, r.InFlight, ns))
			want.Object, want.Beside = got.Object, got.Beside
			if got != want || got.Object == 0 {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
			checkHolder(t, r, want.Queue, to)
			closeAll(t, from, to)
			checkGone(t, r, ns)
			if got := found(t, r.InFlight, ns); got != nil {
				t.Errorf("still found: %+v", got)
			}
		})
	}
}

// TestInFlightIsLoadedWhereNeeded checks that the program of InFlight is loaded where a unix
// socket has something in its queue, and nowhere else.
func TestInFlightIsLoadedWhereNeeded(t *testing.T) {
	need.Root(t)
	options := Options{Passes: InFlight, oldObject: os.Getenv("BPFREADER_TEST_OLD") != ""}
	open(t, Options{Passes: InFlight}) // skips where the pass is not there
	loaded := func() bool {
		r, err := Open(options)
		must(t, "open", err)
		defer r.Close()
		_, err = r.InFlight(func(*File) {})
		must(t, "read files in flight", err)
		return r.passes[InFlight].done
	}
	from, to := pair(t, unix.SOCK_DGRAM)
	send(t, from)
	if !loaded() {
		t.Error("not loaded with a message in a queue")
	}
	closeAll(t, from, to)
	nstest.Eventually(t, func() string { // other programs have such sockets for moments
		if loaded() {
			return "loaded without a message in a queue"
		}
		return ""
	})
}

// checkHolder checks that Files reports the descriptor of the socket that something
// waits in, though it is in its task's own namespace.
func checkHolder(t *testing.T, r *Reader, queue uint64, fd int) {
	t.Helper()
	var got []File
	if _, err := r.Files(func(f *File) {
		if f.Socket == queue {
			got = append(got, *f)
		}
	}); err != nil {
		t.Fatal(err)
	}
	f := only(t, got)
	if f.PID != self || f.FD != fd || f.Flags != Queued|OwnNS {
		t.Errorf("holder of the queue: %+v, want fd %d", f, fd)
	}
}

// TestInFlightNested sends a socket that has a namespace file in its own queue,
// and lets go of all but the outermost.
func TestInFlightNested(t *testing.T) {
	need.Root(t)
	r := open(t, Options{})
	outerFrom, outer := pair(t, unix.SOCK_STREAM)
	var inner uint64
	ns := inNew(t, func() {
		from, to := pair(t, unix.SOCK_STREAM)
		fd := openNS(t, unix.O_RDONLY)
		inner = socketInode(t, to)
		send(t, from, fd)
		send(t, outerFrom, to)
		closeAll(t, fd, from, to)
	})
	var kinds []Kind
	for _, f := range found(t, r.InFlight, ns) {
		kinds = append(kinds, f.Kind)
		switch {
		case f.Kind == KindNSFS && f.Queue == inner && f.QueueNS == ns.inode:
		case f.Kind == KindSocket && f.Socket == inner && f.Queue == socketInode(t, outer):
		default:
			t.Errorf("got %+v", f)
		}
	}
	if len(kinds) != 2 {
		t.Errorf("got kinds %v, want a namespace file and a socket", kinds)
	}
	closeAll(t, outerFrom, outer)
	checkGone(t, r, ns)
}

// TestInFlightUnaccepted leaves a namespace file in a connection that nobody
// accepted: it is known by the listener.
func TestInFlightUnaccepted(t *testing.T) {
	need.Root(t)
	r := open(t, Options{})
	listener := newSocket(t, unix.AF_UNIX, unix.SOCK_STREAM, 0)
	name := &unix.SockaddrUnix{Name: fmt.Sprintf("@nsinspect-bpfreader-%d", self)}
	must(t, "bind", unix.Bind(listener, name))
	must(t, "listen", unix.Listen(listener, 1))
	client := newSocket(t, unix.AF_UNIX, unix.SOCK_STREAM, 0)
	must(t, "connect", unix.Connect(client, name))
	var fd int
	ns := inNew(t, func() { fd = openNS(t, unix.O_RDONLY) })
	send(t, client, fd)
	closeAll(t, fd, client)
	got := only(t, found(t, r.InFlight, ns))
	// unix_sock.listener is there from 6.10 on.
	if got.Flags != Embryo || got.Queue != 0 && got.Queue != socketInode(t, listener) {
		t.Errorf("got %+v", got)
	}
	closeAll(t, listener)
	checkGone(t, r, ns)
}

// TestInFlightMany has more in flight than one run has room for, in one socket
// and over many.
func TestInFlightMany(t *testing.T) {
	need.Root(t)
	r := open(t, Options{})
	var fd int
	ns := inNew(t, func() { fd = openNS(t, unix.O_RDONLY) })
	const messages, each, pairs = 20, 250, 300
	files := make([]int, each)
	for i := range files {
		files[i] = fd
	}
	from, to := pair(t, unix.SOCK_STREAM)
	for range messages {
		send(t, from, files...)
	}
	all := []int{from, to, fd}
	for range pairs {
		from, to := pair(t, unix.SOCK_STREAM)
		send(t, from, files[:10]...)
		all = append(all, from, to)
	}
	if got, want := len(found(t, r.InFlight, ns)), messages*each+pairs*10; got != want {
		t.Errorf("got %d files in flight, want %d", got, want)
	}
	closeAll(t, all...)
	checkGone(t, r, ns)
}
