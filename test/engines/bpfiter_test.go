// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package engines

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/nstest"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/scan"
)

var (
	netlinkIter = sync.OnceValues(func() (*link.Iter, error) { return newIter("netlink") })
	tcpIter     = sync.OnceValues(func() (*link.Iter, error) { return newIter("tcp") })
	taskIter    = sync.OnceValues(func() (*link.Iter, error) { return newIter("task") })
)

// newIter makes a BPF iterator over something that does nothing with it.
func newIter(over string) (*link.Iter, error) {
	program, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Type: ebpf.Tracing, AttachType: ebpf.AttachTraceIter, AttachTo: over, License: "GPL",
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()},
	})
	if err != nil {
		return nil, err
	}
	defer program.Close()
	return link.AttachIter(link.IterOptions{Program: program})
}

// openIter returns what opens a BPF iterator, in the thread's network namespace.
func openIter(iter func() (*link.Iter, error)) func() (int, error) {
	return func() (int, error) {
		i, err := iter()
		if err != nil {
			return -1, err
		}
		file, err := i.Open()
		if err != nil {
			return -1, err
		}
		defer file.Close()
		opened, ok := file.(interface{ Fd() uintptr })
		if !ok {
			return -1, errors.New("the iterator is no file")
		}
		return unix.FcntlInt(opened.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	}
}

// pinIter gives a BPF iterator a name, and returns what opens that.
func pinIter(t *testing.T, iter func() (*link.Iter, error)) func() (int, error) {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("bpf", dir, "bpf", 0, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	name := filepath.Join(dir, "iter")
	i, err := iter()
	if err == nil {
		err = i.Pin(name)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = i.Unpin() })
	return func() (int, error) { return unix.Open(name, unix.O_RDONLY|unix.O_CLOEXEC, 0) }
}

// TestBPFIter has BPF iterators open: one over sockets keeps the namespace in which it was opened,
// one over something else none.
func TestBPFIter(t *testing.T) {
	CheckKernel(t)
	opts := scan.Options{Engine: newEngine(t)}
	for name, open := range map[string]func() (int, error){
		"netlink": openIter(netlinkIter),
		"tcp":     openIter(tcpIter),
		"pinned":  pinIter(t, netlinkIter),
		"task":    openIter(taskIter),
	} {
		t.Run(name, func(t *testing.T) {
			if name == "tcp" && !need.KernelIs(t, 5, 9) {
				return // it has none
			}
			scene := nstest.Make(t, nstest.Mount)
			fd := openScene(t, opts, scene)
			defer unix.Close(fd)
			iter := -1
			err := thread(fd, func() (err error) {
				iter, err = open()
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			found := func() string {
				n := findIn(look(t, opts), &scene.Truth)
				if n == nil {
					return "the namespace is not found"
				}
				is := func(h ns.Holder) bool { return h.PID == ns.TaskID(os.Getpid()) && int(h.FD) == iter }
				at := slices.IndexFunc(n.Holders, is)
				switch {
				case name == "task" && at >= 0:
					return fmt.Sprintf("it is %+v", n.Holders[at])
				case name != "task" && (at < 0 || n.Holders[at].Kind != ns.KindFD || n.Holders[at].Via != ns.ViaBPFIter):
					return "it is not found"
				}
				return ""
			}
			nstest.Eventually(t, found)
			checkBalance(t, opts, scene, 0)
			unix.Close(iter)
			checkBalance(t, opts, scene, 0)
		})
	}
}
