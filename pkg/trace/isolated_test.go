// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package trace_test

import (
	"fmt"
	"os"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/callscript"
	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/trace"
)

const firstFile = callscript.FirstFile

// isolated is a process that is alone in a namespace of every type.
type isolated struct {
	t     testing.TB
	pid   int
	where trace.Set // its namespaces; of time, its children's
	pidfd *os.File
}

// newIsolated makes a house that lasts until the test ends.
func newIsolated(t testing.TB) *isolated {
	t.Helper()
	need.Root(t)
	s := callscript.New()
	s.Call(unix.SYS_UNSHARE, unix.CLONE_NEWTIME)
	look := s.Look()
	s.Pause()
	run := s.Start(t, callscript.Options{Name: "house", Attr: &unix.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWNS | unix.CLONE_NEWUSER | unix.CLONE_NEWPID |
			unix.CLONE_NEWIPC | unix.CLONE_NEWUTS | unix.CLONE_NEWCGROUP,
		UidMappings: []syscall.SysProcIDMap{{Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{Size: 1}},
	}})
	run.Paused()
	fd, err := unix.PidfdOpen(run.PID, 0)
	if err != nil {
		t.Fatal(err)
	}
	h := &isolated{t: t, pid: run.PID, where: setOf(run.Where(look)), pidfd: os.NewFile(uintptr(fd), "pidfd")}
	t.Cleanup(func() { h.pidfd.Close() })
	for ty, target := range h.where {
		var st unix.Stat_t
		if err := unix.Stat(h.path(ns.Type(ty)), &st); err != nil || st.Ino != target.Inode {
			t.Fatalf("%s is of %d, its process saw %d: %v", h.path(ns.Type(ty)), st.Ino, target.Inode, err)
		}
	}
	return h
}

// path is the file that leads into a namespace of the house.
func (h *isolated) path(ty ns.Type) string {
	name := ty.String()
	if ty == ns.Time {
		name = "time_for_children"
	}
	return fmt.Sprintf("/proc/%d/ns/%s", h.pid, name)
}

// open opens that file.
func (h *isolated) open(ty ns.Type) *os.File { return openFile(h.t, h.path(ty), unix.O_RDONLY) }

// part is the set of one namespace of the house.
func (h *isolated) part(ty ns.Type) (s trace.Set) {
	s[ty] = h.where[ty]
	return s
}

// openFile opens a file until the test ends.
func openFile(t testing.TB, path string, flags int) *os.File {
	t.Helper()
	fd, err := unix.Open(path, flags|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatalf("open %s: %v", path, err)
	}
	f := os.NewFile(uintptr(fd), path)
	t.Cleanup(func() { f.Close() })
	return f
}
