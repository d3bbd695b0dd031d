// SPDX-License-Identifier: Apache-2.0

package nsfs

import (
	"errors"
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// Thread is a thread that enters network namespaces, each for as long as an
// errand there takes. Nothing else of this module ever is in another namespace
// than the process. It is for one caller at a time; the thread starts with the
// first errand.
type Thread struct {
	asked chan request // nil while there is no thread
	done  chan outcome
}

// request is what is to be done inside the network namespace that fd is of.
type request struct {
	fd     int
	inside func()
}

type outcome struct {
	err   error // why the namespace was not entered
	stuck bool  // the thread could not return, and has died
}

var errNoWayBack = errors.New("the way back is closed")

// Enter calls inside on the visitor's thread while that is in the network
// namespace that fd is of. It returns an error, and has not called it, if the
// namespace cannot be entered: that needs CAP_SYS_ADMIN over it and in one's own
// user namespace (net/core/net_namespace.c, netns_install, 6.18). What is opened
// inside, a socket, stays in that namespace and may be used from anywhere.
func (v *Thread) Enter(fd int, inside func()) error {
	if v.asked == nil {
		v.start()
	}
	v.asked <- request{fd, inside}
	o := <-v.done
	if o.stuck {
		v.Close() // the next errand gets a new thread
	}
	return o.err
}

func (v *Thread) start() {
	v.asked, v.done = make(chan request), make(chan outcome)
	go func(done chan outcome) {
		defer close(done)
		v.run()
	}(v.done)
}

// Close waits until the thread is done with what it has open.
func (v *Thread) Close() {
	if v.asked == nil {
		return
	}
	close(v.asked)
	for range v.done { // until it is closed
	}
	v.asked = nil
}

// Cookie returns the cookie of the network namespace that a file is of, 0 if it
// is unknown.
func (v *Thread) Cookie(fd int) (cookie uint64) {
	_ = v.Enter(fd, func() { // where that fails, the cookie stays unknown
		if s, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0); err == nil {
			cookie = SocketCookie(s)
			unix.Close(s)
		}
	})
	return cookie
}

// run serves on a thread of its own. If that can't return from a namespace it is
// never unlocked, so that the runtime ends it together with the goroutine.
func (v *Thread) run() {
	runtime.LockOSThread()
	if unix.Gettid() == unix.Getpid() { // the runtime never ends the first thread, and would leave it there
		done := make(chan struct{})
		go func() {
			defer close(done)
			v.run()
		}()
		<-done
		runtime.UnlockOSThread()
		return
	}
	home, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		home = -1 // nobody goes where there is no way back
	} else {
		defer unix.Close(home)
	}
	if v.serve(home) {
		runtime.UnlockOSThread()
	}
}

// serve runs errands, and reports whether the thread is back home in the end.
func (v *Thread) serve(home int) bool {
	for e := range v.asked {
		o := e.do(home)
		v.done <- o
		if o.stuck {
			return false
		}
	}
	return true
}

// do goes there, does what is to be done and comes back.
func (e request) do(home int) outcome {
	if home < 0 {
		return outcome{err: errNoWayBack}
	}
	if err := unix.Setns(e.fd, unix.CLONE_NEWNET); err != nil {
		return outcome{err: fmt.Errorf("enter network namespace: %w", err)}
	}
	e.inside()
	return outcome{stuck: unix.Setns(home, unix.CLONE_NEWNET) != nil}
}
