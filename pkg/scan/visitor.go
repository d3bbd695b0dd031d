// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// visitor is a thread that enters network namespaces, each for as long as it
// takes to ask a socket for the cookie. It is the only one of this package that
// ever is in another namespace than the process.
type visitor struct {
	asked   chan int
	answers chan answer
}

type answer struct {
	cookie uint64
	stuck  bool // the thread could not return, and has died
}

// newVisitor starts the thread.
func newVisitor() *visitor {
	v := &visitor{asked: make(chan int), answers: make(chan answer)}
	go func() {
		defer close(v.answers)
		v.run()
	}()
	return v
}

// end waits until the thread is done with what it has open.
func (v *visitor) end() {
	close(v.asked)
	for range v.answers { // until it is closed
	}
}

// cookie returns the cookie of the network namespace that a file is of, 0 if it
// is unknown. Entering needs CAP_SYS_ADMIN, over that namespace and one's own
// user namespace (net/core/net_namespace.c, netns_install, 6.18). alive is false
// once the thread is lost; the visitor is then of no more use.
func (v *visitor) cookie(fd int) (cookie uint64, alive bool) {
	v.asked <- fd
	a := <-v.answers
	if a.stuck {
		v.end()
	}
	return a.cookie, !a.stuck
}

// run answers on a thread of its own. If that can't return from a namespace it is
// never unlocked, so that the runtime ends it together with the goroutine.
func (v *visitor) run() {
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

// serve answers, and reports whether the thread is back home in the end.
func (v *visitor) serve(home int) bool {
	for fd := range v.asked {
		a := askInside(fd, home)
		v.answers <- a
		if a.stuck {
			return false
		}
	}
	return true
}

// askInside fetches the cookie of a network namespace from inside it.
func askInside(fd, home int) (a answer) {
	if home < 0 || unix.Setns(fd, unix.CLONE_NEWNET) != nil {
		return answer{}
	}
	if s, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0); err == nil {
		a.cookie = netCookie(s)
		unix.Close(s)
	}
	a.stuck = unix.Setns(home, unix.CLONE_NEWNET) != nil
	return a
}
