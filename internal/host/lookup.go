// SPDX-License-Identifier: Apache-2.0

package host

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/nsfs"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// LookupNamespace is NamespaceAt for a path that may lead anywhere: it returns ErrNoAnswer
// where a file system does not answer.
func (h *Host) LookupNamespace(name string) (ns.Type, uint64, error) {
	if h.Recorded() {
		return h.NamespaceAt(name)
	}
	fd, err := h.Locate(name)
	if err == ErrMayHang {
		a, err := h.askNamespace(treeQuestion{Tree: name, Namespace: true})
		return a.Type, a.Inode, err
	}
	return identify(fd, err)
}

// OpenNamespace opens the namespace file that a path of the host leads to, for reading and
// closed on exec. The path may lead anywhere: it returns ErrNoAnswer where a file system does
// not answer, and nsfs.ErrNotNamespace for any other file.
func (h *Host) OpenNamespace(name string) (int, error) {
	fd, err := h.Locate(name)
	if err == ErrMayHang {
		return h.openByHelper(name)
	}
	if err != nil {
		return -1, err
	}
	defer unix.Close(fd)
	return nsfs.Reopen(fd)
}

// openByHelper opens what a helper has opened, by the helper's descriptor: that asks no file
// system.
func (h *Host) openByHelper(name string) (int, error) {
	a, err := h.askNamespace(treeQuestion{Tree: name, Namespace: true, Keep: true})
	if err != nil {
		return -1, err
	}
	fd, err := unix.Open(fmt.Sprintf("/proc/%d/fd/%d", a.PID, a.FD), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("open namespace file: %w", err)
	}
	if t, inode, err := nsfs.Read(fd); err != nil || t != a.Type || inode != a.Inode {
		unix.Close(fd)
		return -1, errors.New("it has been replaced meanwhile")
	}
	return fd, nil
}

func (h *Host) askNamespace(q treeQuestion) (treeAnswer, error) {
	return (&Tree{host: h, path: q.Tree}).ask(q)
}

// kept is the namespace file that a helper has open.
var kept = -1

// answerNamespace is what a helper does that is asked for a namespace.
func answerNamespace(h *Host, q treeQuestion) (a treeAnswer, err error) {
	fd, err := h.OpenPath(q.Tree)
	if err != nil {
		return a, err
	}
	defer unix.Close(fd)
	file, err := nsfs.Reopen(fd)
	if err != nil {
		return a, err
	}
	a.Type, a.Inode, err = nsfs.Read(file)
	if err != nil || !q.Keep {
		unix.Close(file)
		return a, err
	}
	if kept >= 0 {
		unix.Close(kept)
	}
	kept, a.PID, a.FD = file, os.Getpid(), file
	return a, nil
}

// checkRoot returns ErrNoAnswer for a root directory on a file system that does not answer.
// Any other error is one of opening it.
func checkRoot(root string) error {
	live, err := open("/")
	if err != nil {
		return nil
	}
	defer live.Close()
	for _, dir := range []string{root, root + "/proc"} {
		t, err := live.OpenTree(dir)
		if err == ErrNoAnswer {
			return fmt.Errorf("open root %s: %w", root, err)
		}
		if err == nil {
			t.Close()
		}
	}
	return nil
}
