// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package engines

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/nstest"
	"github.com/nsinspect/nsinspect/pkg/scan"
)

// TestUnreachableInflight has the namespace file wait in one of two unix sockets that wait in each
// other and nowhere else. Nobody can receive it; what is advised frees it.
func TestUnreachableInflight(t *testing.T) {
	CheckKernel(t)
	need.Kernel(t, 6, 0, "what reads files in flight needs")
	h, err := host.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	opts := scan.Options{Engine: newEngine(t), Host: h, Details: true}
	scene := nstest.Make(t, nstest.Process)
	nstest.Eventually(t, func() string { // any other program's socket may be closed, and free it, meanwhile
		loseInCircle(t, scene.File())
		verdict, _ := verdictOn(t, opts, scene)
		if !strings.Contains(verdict, "wait until any process closes a unix socket") {
			return "the verdict was: " + verdict
		}
		return ""
	})
	kill(t, scene)
	if fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0); err != nil {
		t.Fatal(err)
	} else {
		unix.Close(fd)
	}
	if !gone(t, opts, scene) {
		t.Errorf("alive after a unix socket was closed: %+v", findIn(look(t, opts), &scene.Truth))
	}
}

// loseInCircle puts an open file into a unix socket that waits in another one, which waits in the
// first. Both are closed.
func loseInCircle(t *testing.T, file string) {
	t.Helper()
	fd, err := unix.Open(file, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	var pairs [2][2]int
	for i := range pairs {
		if pairs[i], err = unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
			t.Fatal(err)
		}
	}
	a, b := pairs[0], pairs[1]
	for from, what := range map[int][]int{a[0]: {a[1], b[0], fd}, b[0]: {b[1], a[0], a[1]}} {
		if err := unix.Sendmsg(from, []byte("x"), unix.UnixRights(what...), nil, 0); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range []int{a[0], a[1], b[0], b[1]} {
		unix.Close(s)
	}
}
