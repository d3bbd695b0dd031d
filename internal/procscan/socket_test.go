// SPDX-License-Identifier: Apache-2.0

package procscan

import (
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// newWorker returns a worker that reads this machine.
func newWorker(t *testing.T, types ...ns.Type) *Worker {
	t.Helper()
	h, err := host.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	var st unix.Stat_t
	if err := unix.Stat("/proc/self/ns/net", &st); err != nil {
		t.Fatal(err)
	}
	return &Worker{walker: &walker{host: h, types: types, nsfs: st.Dev}, cookies: map[uint64]uint64{}}
}

// openIn runs open on a thread in new namespaces, which ends, and returns the descriptor.
func openIn(t *testing.T, flags int, open func() (int, error)) int {
	t.Helper()
	need.Root(t)
	var fd int
	var err error
	ended := make(chan bool)
	go func() {
		defer close(ended)
		runtime.LockOSThread() // and ends with the goroutine
		if err = unix.Unshare(flags); err == nil {
			fd, err = open()
		}
	}()
	<-ended
	if err != nil {
		t.Fatal(err)
	}
	return fd
}

func openFileOf(name string) func() (int, error) {
	return func() (int, error) { return unix.Open("/proc/thread-self/ns/"+name, unix.O_RDONLY|unix.O_CLOEXEC, 0) }
}

func openSocket() (int, error) {
	return unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
}

// visitAs calls the visitors of files for this process with one descriptor, which was
// listed as of a kind, and returns what they found.
func visitAs(t *testing.T, fd int, listed fileKindOf) []finding {
	t.Helper()
	w := newWorker(t, ns.Net)
	v := Process{pid: ns.TaskID(os.Getpid()), known: true, filesKnown: true, files: []openFile{{fd: fd, kind: listed}}}
	Files(w, &v)
	Sockets(w, &v)
	if len(w.Gaps) > 0 {
		t.Errorf("listed as %d: gaps %v", listed, w.Gaps)
	}
	return w.findings
}

// TestReplacedDescriptor checks that a descriptor that is another file than the one that
// was listed is read as what it is: closed for a file that holds nothing, and else what
// that holds.
func TestReplacedDescriptor(t *testing.T) {
	null, err := unix.Open(os.DevNull, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	socket, file := openIn(t, unix.CLONE_NEWNET, openSocket), openIn(t, unix.CLONE_NEWNET, openFileOf("net"))
	for _, tt := range []struct {
		fd   int
		want ns.Kind
		held int
	}{{null, 0, 0}, {socket, ns.KindSocket, 1}, {file, ns.KindFD, 1}} {
		defer unix.Close(tt.fd)
		for _, listed := range []fileKindOf{nsFile, socketFile, tunFile} {
			found := visitAs(t, tt.fd, listed)
			if len(found) != tt.held || tt.held > 0 && (found[0].holder.Kind != tt.want || int(found[0].holder.FD) != tt.fd) {
				t.Errorf("listed as %d: found %+v, want %d of kind %v", listed, found, tt.held, tt.want)
			}
		}
	}
}

// TestInodeOfAnotherType checks that an inode that was one namespace's a moment ago, and
// is one's of another type now, is read as that.
func TestInodeOfAnotherType(t *testing.T) {
	w, inodes := newWorker(t, ns.UTS, ns.IPC), map[uint64]bool{}
	visit := func(fd int) (ns.Type, uint64) {
		defer unix.Close(fd)
		v := Process{pid: ns.TaskID(os.Getpid()), known: true}
		w.findings = nil
		Files(w, &v)
		for _, f := range w.findings {
			if int(f.holder.FD) == fd {
				return f.key.Type, f.key.Inode
			}
		}
		t.Fatalf("descriptor %d was not found", fd)
		return 0, 0
	}
	for range 1000 {
		_, inode := visit(openIn(t, unix.CLONE_NEWUTS, openFileOf("uts")))
		inodes[inode] = true
		typ, inode := visit(openIn(t, unix.CLONE_NEWIPC, openFileOf("ipc")))
		if typ != ns.IPC {
			t.Fatalf("%v:[%d] is an IPC namespace", typ, inode)
		}
		if inodes[inode] {
			return
		}
	}
	need.Missing(t, "needs a kernel that gives the inode of a namespace again")
}
