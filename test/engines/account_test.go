// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package engines

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/explain"
	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/nstest"
	"github.com/nsinspect/nsinspect/internal/opener"
	"github.com/nsinspect/nsinspect/pkg/scan"
)

// TestAccount has every scene alone, beside each other visible holder, and beside each
// thing that refers to the namespace and that no holder shows: every reference that the
// kernel counts is explained but for the one of that.
func TestAccount(t *testing.T) {
	CheckKernel(t)
	opts := scan.Options{Engine: newEngine(t)}
	for _, row := range matrix {
		if expected(t, row.kind, row.want)[bpfEngine] != found {
			continue // this kernel does not show its holder
		}
		t.Run(string(row.kind), func(t *testing.T) {
			nstest.CheckLeaks(t)
			scene := nstest.Make(t, row.kind)
			checkBalance(t, opts, scene, 0)
			fd := openScene(t, opts, scene)
			if fd < 0 {
				return
			}
			defer unix.Close(fd)
			for name, hold := range visible {
				missing := 0
				switch {
				case name == "inotify" && (row.kind == nstest.Inotify || row.kind == nstest.Fanotify):
					missing = 1 // of two inodes that are watched: fdinfo does not distinguish them
				case (name == "closing" || name == "mapped ring") && !need.KernelIs(t, 6, 1), name == "datagram" && !need.KernelIs(t, 6, 0),
					name == "aio" && !need.KernelIs(t, 5, 17):
					missing = 1
				}
				beside(t, name, fd, hold, func() { checkBalance(t, opts, scene, missing) })
			}
			for name, hold := range hidden {
				beside(t, name, fd, hold, func() { checkBalance(t, opts, scene, 1) })
			}
		})
	}
}

// TestAccountOfMPTCP has MPTCP sockets open, and a connection of them that is closing.
func TestAccountOfMPTCP(t *testing.T) {
	CheckKernel(t)
	if !hasMPTCP() {
		need.Missing(t, "needs CONFIG_MPTCP")
	}
	opts := scan.Options{Engine: newEngine(t)}
	scene := nstest.Make(t, nstest.Mount)
	fd := openScene(t, opts, scene)
	defer unix.Close(fd)
	beside(t, "open", fd, holdMPTCP, func() { checkBalance(t, opts, scene, 0) })
	waiting, missing := 0, 0
	if !need.KernelIs(t, 6, 1) {
		waiting, missing = 1, 2 // the connection; and its subflow
	}
	beside(t, "waiting", fd, holdWaiting(unix.IPPROTO_MPTCP), func() { checkBalance(t, opts, scene, waiting) })
	beside(t, "closing", fd, func(_ *testing.T, fd int) (func(), error) { return closing(fd, unix.IPPROTO_MPTCP) },
		func() { checkBalance(t, opts, scene, missing) })
}

// TestAccountOfSCTP has a connection that an SCTP listener has not accepted: it is no socket.
func TestAccountOfSCTP(t *testing.T) {
	CheckKernel(t)
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, unix.IPPROTO_SCTP)
	if err != nil {
		need.SCTP.Lacks(t, err.Error())
	}
	unix.Close(fd)
	need.SCTP.Has(t)
	opts := scan.Options{Engine: newEngine(t)}
	scene := nstest.Make(t, nstest.Mount)
	fd = openScene(t, opts, scene)
	defer unix.Close(fd)
	beside(t, "waiting", fd, holdWaiting(unix.IPPROTO_SCTP), func() { checkBalance(t, opts, scene, 0) })
}

// TestAccountVerdict checks that no verdict promises freedom where a reference remains,
// and that one does where none does.
func TestAccountVerdict(t *testing.T) {
	CheckKernel(t)
	opts := scan.Options{Engine: newEngine(t)}
	for kind, kept := range map[nstest.Kind]string{nstest.Mount: "1 mount", nstest.Process: "1 process"} {
		t.Run(string(kind), func(t *testing.T) { checkHidden(t, opts, nstest.Make(t, kind), kept) })
	}
}

// checkHidden checks the verdict on a scene, by its holder in words, beside each
// thing that no holder shows.
func checkHidden(t *testing.T, opts scan.Options, scene *nstest.Scene, kept string) {
	t.Helper()
	opts.Balance = scene.Inode
	checkVerdicts(t, opts, scene, kept, false)
	for name, hold := range hidden {
		beside(t, name, -1, func(t *testing.T, _ int) (func(), error) {
			fd := openScene(t, opts, scene)
			defer unix.Close(fd)
			return hold(t, fd)
		}, func() { checkVerdicts(t, opts, scene, kept, true) })
		checkVerdicts(t, opts, scene, kept, false)
	}
}

func checkVerdicts(t *testing.T, opts scan.Options, scene *nstest.Scene, kept string, remains bool) {
	t.Helper()
	nstest.Eventually(t, func() string {
		snap := look(t, opts)
		n := findIn(snap, &scene.Truth)
		if n == nil {
			return "not found"
		}
		got := explain.Verdict(n, snap)
		if strings.Contains(got, "at least "+kept+", and 1 reference that no visible holder explains; to free it, at least ") != remains {
			return fmt.Sprintf("%q, and a reference remains: %v", got, remains)
		}
		return ""
	})
}

// TestJustClosed checks that sockets which were closed right before a scan are no references
// that nothing explains, although the kernel counts them for some ticks more. On a busy machine it
// may take longer now and then.
func TestJustClosed(t *testing.T) {
	CheckKernel(t)
	opts := scan.Options{Engine: newEngine(t)}
	scene := nstest.Make(t, nstest.Mount)
	fd := openScene(t, opts, scene)
	defer unix.Close(fd)
	var wrong []string
	for range 10 {
		var tid int
		err := thread(fd, func() error {
			tid = unix.Gettid()
			for range 5 {
				socket, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
				if err != nil {
					return err
				}
				unix.Close(socket)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for unix.Faccessat(unix.AT_FDCWD, fmt.Sprintf("/proc/self/task/%d", tid), unix.F_OK, 0) == nil {
			runtime.Gosched() // the thread ends in the namespace
		}
		if n := findIn(look(t, opts), &scene.Truth); n == nil {
			t.Fatal("the namespace is not found")
		} else if n.Unexplained() != 0 {
			wrong = append(wrong, fmt.Sprint(n, n.References, n.Tally()))
		}
	}
	if len(wrong) > 3 {
		t.Errorf("in %d of 10 scans after sockets were closed: %q", len(wrong), wrong)
	}
}

func checkBalance(t *testing.T, opts scan.Options, scene *nstest.Scene, missing int) {
	t.Helper()
	opts.Balance = scene.Inode
	nstest.Eventually(t, func() string {
		n := findIn(look(t, opts), &scene.Truth)
		switch {
		case n == nil:
			return "not found"
		case n.References == nil:
			return "no account"
		case n.References.Total-n.References.Explained != missing || n.Unexplained() != missing:
			return fmt.Sprintf("%d references, %d explained, want %d that are not; tally %v", n.References.Total, n.References.Explained, missing, n.Tally())
		}
		return ""
	})
}

// openScene opens the namespace of a scene; -1 if no path leads there on this kernel.
func openScene(t *testing.T, opts scan.Options, scene *nstest.Scene) int {
	t.Helper()
	h, err := host.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	o := opener.New(h, false)
	defer o.Close()
	fd, err := o.Open(findIn(look(t, opts), &scene.Truth))
	switch {
	case errors.Is(err, opener.ErrNoPath), errors.Is(err, opener.ErrEnded):
		return -1
	case err != nil:
		t.Fatal(err)
	}
	return fd
}

// beside runs check while hold holds the namespace that fd is of.
func beside(t *testing.T, name string, fd int, hold func(*testing.T, int) (func(), error), check func()) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		end, err := hold(t, fd)
		if err != nil {
			t.Fatal(err)
		}
		defer end()
		check()
	})
}
