// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package bpfreader

import (
	"errors"
	"runtime"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/nstest"
)

// ringOf makes an io_uring, for the thread that the test is on from then on, or skips.
func ringOf(t *testing.T) *nstest.Ring {
	t.Helper()
	runtime.LockOSThread()
	t.Cleanup(runtime.UnlockOSThread)
	ring, err := nstest.NewRing()
	if err != nil {
		need.Missing(t, err.Error())
	}
	return ring
}

// TestRegisteredRing has a namespace file in an io_uring that only a thread's registration keeps.
func TestRegisteredRing(t *testing.T) {
	need.Root(t)
	r := open(t, Options{Passes: Rings | Files | Tasks | Nets})
	var fd int
	ns := inNew(t, func() { fd = openNS(t, unix.O_RDONLY) })
	ring := ringOf(t)
	must(t, "register", ring.Register(fd))
	tid, stop := make(chan int), make(chan struct{})
	end := sync.OnceFunc(func() { close(stop) })
	defer end()
	go func() {
		runtime.LockOSThread()
		must(t, "register with itself", ring.RegisterSelf())
		tid <- unix.Gettid()
		<-stop
	}()
	thread := <-tid
	closeAll(t, fd, ring.FD)
	if got := found(t, r.Files, ns); got != nil {
		t.Errorf("found by descriptor: %+v", got)
	}
	got := only(t, found(t, r.Rings, ns))
	if got.Kind != KindNSFS || got.Flags != Registered || got.PID != self || got.TID != thread || got.FD != -1 || got.Slot != 0 {
		t.Errorf("got %+v", got)
	}
	_, err := r.Tasks(func(task *Task) {
		if task.PID == self && task.HasRings != (task.TID == thread) {
			t.Errorf("thread %d has rings: %v", task.TID, task.HasRings)
		}
	})
	must(t, "read tasks", err)
	end()
	checkGone(t, r, ns)
}

// TestRequests has sockets that requests wait for: each is closed, and one is open, too.
func TestRequests(t *testing.T) {
	need.Root(t)
	r := open(t, Options{Passes: Requests | Nets})
	var byRing, byAIO int
	ns := inNew(t, func() {
		byRing, byAIO = newSocket(t, unix.AF_INET, unix.SOCK_DGRAM, 0), newSocket(t, unix.AF_INET6, unix.SOCK_DGRAM, 0)
	})
	ring := ringOf(t)
	must(t, "poll", ring.Poll(byRing))
	context, err := nstest.PollAIO(byAIO)
	must(t, "poll", err)
	closeAll(t, byAIO)
	want := map[uint16]File{
		unix.AF_INET:  {Flags: Request, TID: unix.Gettid()},
		unix.AF_INET6: {Flags: AIO, TID: self},
	}
	check := func(state string) {
		t.Helper()
		got := found(t, r.Requests, ns)
		if len(got) != len(want) {
			t.Errorf("%s: got %+v", state, got)
		}
		for _, f := range got {
			w := want[f.Family]
			if f.Kind != KindSocket || f.Flags != w.Flags || f.PID != self || f.TID != w.TID || f.FD != -1 || f.SockType != unix.SOCK_DGRAM || f.Object == 0 {
				t.Errorf("%s: got %+v, want %+v", state, f, w)
			}
		}
	}
	check("one is open")
	closeAll(t, byRing)
	check("both are closed")
	must(t, "end aio", nstest.EndAIO(context))
	closeAll(t, ring.FD)
	checkGone(t, r, ns)
	if got := found(t, r.Requests, ns); got != nil {
		t.Errorf("still found: %+v", got)
	}
}

// TestRequestsMany has more of one process than one show call can write: those of open sockets
// are left out, and none of a closed one is.
func TestRequestsMany(t *testing.T) {
	need.Root(t)
	r := open(t, Options{Passes: Requests | Nets})
	const many = 800
	ring := ringOf(t)
	var opened []int
	ns := inNew(t, func() {
		for range many {
			socket := newSocket(t, unix.AF_INET, unix.SOCK_DGRAM, 0)
			opened = append(opened, socket)
		}
	})
	for _, socket := range opened {
		must(t, "poll", ring.Poll(socket))
	}
	closeAll(t, opened[:many/10]...)
	if got := len(found(t, r.Requests, ns)); got < many/10 || got > many/2 {
		t.Errorf("got %d records", got)
	}
	closeAll(t, opened[many/10:many/2]...)
	if _, err := r.Requests(func(*File) {}); !errors.Is(err, ErrIncomplete) {
		t.Errorf("more than there is room for: %v", err)
	}
	closeAll(t, opened[many/2:]...)
	closeAll(t, ring.FD)
	checkGone(t, r, ns)
}
