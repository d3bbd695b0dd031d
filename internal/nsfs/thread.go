// SPDX-License-Identifier: Apache-2.0

package nsfs

import (
	"errors"
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// Thread is an OS thread that enters network namespaces, each for the time of one
// function call. Nothing else of this module is ever in another namespace than the
// process. It is for one caller at a time; the thread starts with the first call of
// Enter.
type Thread struct {
	requests chan request // nil while there is no thread
	results  chan result
}

// request is what is to be done inside the network namespace that fd is of.
type request struct {
	fd     int
	inside func()
}

type result struct {
	err   error // why the namespace was not entered
	stuck bool  // the thread could not return, and has died
}

var errNoWayBack = errors.New("the way back is closed")

// Enter calls inside on the thread while that is in the network
// namespace that fd is of. It returns an error, and has not called it, if the
// namespace cannot be entered: that needs CAP_SYS_ADMIN over it and in one's own
// user namespace (net/core/net_namespace.c, netns_install, 6.18). What is opened
// inside, a socket, stays in that namespace and may be used from anywhere.
func (t *Thread) Enter(fd int, inside func()) error {
	if t.requests == nil {
		t.start()
	}
	t.requests <- request{fd, inside}
	o := <-t.results
	if o.stuck {
		t.Close() // the next call gets a new thread
	}
	return o.err
}

func (t *Thread) start() {
	t.requests, t.results = make(chan request), make(chan result)
	go func(done chan result) {
		defer close(done)
		t.run()
	}(t.results)
}

// Close waits until the thread is done with what it has open.
func (t *Thread) Close() {
	if t.requests == nil {
		return
	}
	close(t.requests)
	for range t.results { // until it is closed
	}
	t.requests = nil
}

// Cookie returns the cookie of the network namespace that a file is of, 0 if it
// is unknown.
func (t *Thread) Cookie(fd int) (cookie uint64) {
	_ = t.Enter(fd, func() { // where that fails, the cookie stays unknown
		if s, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0); err == nil {
			cookie = SocketCookie(s)
			unix.Close(s)
		}
	})
	return cookie
}

// run serves requests on an OS thread of its own. If that can't return from a namespace it is
// never unlocked, so that the runtime ends it together with the goroutine.
func (t *Thread) run() {
	runtime.LockOSThread()
	if unix.Gettid() == unix.Getpid() { // the runtime never ends the first thread, and would leave it there
		done := make(chan struct{})
		go func() {
			defer close(done)
			t.run()
		}()
		<-done
		runtime.UnlockOSThread()
		return
	}
	home, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		home = -1 // no namespace is entered without a way back
	} else {
		defer unix.Close(home)
	}
	if t.serve(home) {
		runtime.UnlockOSThread()
	}
}

// serve runs requests, and reports whether the thread is back home in the end.
func (t *Thread) serve(home int) bool {
	for e := range t.requests {
		o := e.do(home)
		t.results <- o
		if o.stuck {
			return false
		}
	}
	return true
}

// do enters the namespace, calls the function and returns.
func (e request) do(home int) result {
	if home < 0 {
		return result{err: errNoWayBack}
	}
	if err := unix.Setns(e.fd, unix.CLONE_NEWNET); err != nil {
		return result{err: fmt.Errorf("enter network namespace: %w", err)}
	}
	e.inside()
	return result{stuck: unix.Setns(home, unix.CLONE_NEWNET) != nil}
}
