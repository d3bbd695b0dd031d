// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package bpfreader

import (
	"fmt"
	"os/exec"
	"slices"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/nstest"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// A namespace of every type is on its list once it is created, also while only an open file
// keeps it, and no more when it is freed. The initial one is always there, and comes first.
func TestLists(t *testing.T) {
	need.Root(t)
	need.Kernel(t, 6, 18, "lists of namespaces of every type")
	r, err := Open(Options{Passes: Lists})
	if err != nil {
		need.Missing(t, "needs BPF programs: "+err.Error())
	}
	defer r.Close()
	for _, typ := range ns.Types() {
		t.Run(typ.String(), func(t *testing.T) { listed(t, r, typ) })
	}
}

func listed(t *testing.T, r *Reader, typ ns.Type) {
	cmd := exec.Command("sleep", "1000")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: uintptr(typ.Flag()), Pdeathsig: syscall.SIGKILL}
	if typ == ns.Time { // which clone(2) does not make; the next child is in it
		cmd = exec.Command("unshare", "--time", "sleep", "1000")
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		cmd.Process.Kill() // it may have ended
		cmd.Wait()
	}()
	links := typ.Links()
	path := fmt.Sprintf("/proc/%d/ns/%s", cmd.Process.Pid, links[len(links)-1])
	var own, st unix.Stat_t
	if err := unix.Stat("/proc/self/ns/"+typ.String(), &own); err != nil {
		t.Fatal(err)
	}
	nstest.Eventually(t, func() string {
		if err := unix.Stat(path, &st); err != nil {
			return err.Error()
		}
		if st.Ino == own.Ino {
			return path + " is still the test's"
		}
		return ""
	})
	there := func() (all []Listed, found bool) {
		nstest.Eventually(t, func() string { // it may change too fast
			var err error
			if all, err = r.List(uint32(typ.Flag())); err != nil {
				return err.Error()
			}
			return ""
		})
		return all, slices.ContainsFunc(all, func(l Listed) bool { return uint64(l.Inode) == st.Ino && l.Refs > 0 })
	}
	all, found := there()
	if !found {
		t.Errorf("%s is not among %v", path, all)
	}
	if initial := typ.InitialInode(); len(all) == 0 || uint64(all[0].Inode) != initial {
		t.Errorf("the list does not begin with %d: %v", initial, all)
	}
	if !slices.IsSortedFunc(all, func(a, b Listed) int { return int(a.ID) - int(b.ID) }) {
		t.Errorf("not by ID: %v", all)
	}
	file, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	cmd.Process.Kill()
	cmd.Wait()
	if _, found := there(); !found {
		t.Error("it is not on the list while a file is open")
	}
	unix.Close(file)
	nstest.Eventually(t, func() string {
		if _, found := there(); found {
			return fmt.Sprintf("%s:[%d] is still on the list", typ, st.Ino)
		}
		return ""
	})
}
