// SPDX-License-Identifier: Apache-2.0

package nsfs

import (
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/nstest"
)

// Before Linux 6.18 a thread has to go and see.
func TestCookieInside(t *testing.T) {
	nstest.CheckLeaks(t)
	scene := nstest.Make(t, nstest.Process)
	fd, err := unix.Open(scene.File(), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	v := new(Thread)
	for range 3 {
		if cookie := v.Cookie(fd); cookie != scene.Cookie {
			t.Errorf("cookie %d, want %d", cookie, scene.Cookie)
		}
	}
	null, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(null)
	if cookie := v.Cookie(null); cookie != 0 {
		t.Errorf("cookie %d of no namespace", cookie)
	}
	v.Close()
	v.Close()

	lost := &Thread{requests: make(chan request), results: make(chan result)}
	go func(done chan result) {
		defer close(done)
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			panic("on the first thread")
		}
		if lost.serve(null) {
			panic("came back without a way")
		}
	}(lost.results)
	for _, thread := range []string{"that is lost", "that took its place"} {
		if cookie := lost.Cookie(fd); cookie != scene.Cookie {
			t.Errorf("cookie %d, want %d by a thread %s", cookie, scene.Cookie, thread)
		}
	}
	lost.Close()
}

// BenchmarkCookieInside is what a kernel before 6.18 adds for a namespace.
func BenchmarkCookieInside(b *testing.B) {
	need.Root(b)
	fd, err := unix.Open("/proc/self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer unix.Close(fd)
	v := new(Thread)
	defer v.Close()
	for b.Loop() {
		v.Cookie(fd)
	}
}
