// SPDX-License-Identifier: Apache-2.0

package scan

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
	v := newVisitor()
	for range 3 {
		if cookie, alive := v.cookie(fd); cookie != scene.Cookie || !alive {
			t.Errorf("cookie %d, alive %t, want %d", cookie, alive, scene.Cookie)
		}
	}
	null, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(null)
	if cookie, alive := v.cookie(null); cookie != 0 || !alive {
		t.Errorf("cookie %d of no namespace, alive %t", cookie, alive)
	}
	v.end()

	lost := &visitor{asked: make(chan int), answers: make(chan answer)}
	go func() {
		defer close(lost.answers)
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			panic("on the first thread")
		}
		if lost.serve(null) {
			panic("came back without a way")
		}
	}()
	if cookie, alive := lost.cookie(fd); cookie != scene.Cookie || alive {
		t.Errorf("cookie %d, alive %t, want %d by a thread that is lost", cookie, alive, scene.Cookie)
	}
}

// BenchmarkCookieInside is what a kernel before 6.18 adds for a namespace.
func BenchmarkCookieInside(b *testing.B) {
	need.Root(b)
	fd, err := unix.Open("/proc/self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer unix.Close(fd)
	v := newVisitor()
	defer v.end()
	for b.Loop() {
		v.cookie(fd)
	}
}
