// SPDX-License-Identifier: Apache-2.0

package trace_test

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/trace"
)

// TestCaller demands the program, the parent's program and the authority of callers that
// have ended when their events are read.
func TestCaller(t *testing.T) {
	need.Root(t)
	need.Program(t, "unshare")
	need.Program(t, "setpriv")
	s := open(t, trace.Options{Identify: true, Filter: trace.Filter{Comm: "unshare"}})
	run := func(args ...string) (pid int) {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v: %s", args, err, out)
		}
		return cmd.Process.Pid
	}
	root := run("unshare", "-u", "true")
	user := run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "unshare", "-U", "true")
	inside := run("unshare", "-U", "-r", "unshare", "-u", "true")
	self, unshare := inodeOf(t, "/proc/self/exe"), inodeOf(t, "unshare")
	events := s.all()
	for _, want := range []struct {
		pid  int
		flag ns.Type
		root bool
	}{{root, ns.UTS, true}, {user, ns.User, false}, {inside, ns.User, true}, {inside, ns.UTS, false}} {
		found := 0
		for _, e := range of(events, want.pid) {
			if e.Flags&trace.FlagOf(want.flag) == 0 {
				continue
			}
			found++
			c := e.Caller
			if c.Program.Inode != unshare || c.Parent.Inode != self || c.Root != want.root || c.Unlinked {
				t.Errorf("unshare of %v by %d is %+v, want program %d below %d, root %v", want.flag, want.pid, c, unshare, self, want.root)
			}
		}
		if found != 1 {
			t.Errorf("%d events of %v by %d", found, want.flag, want.pid)
		}
	}
}

// TestCallerWithoutFile executes a program that has no name.
func TestCallerWithoutFile(t *testing.T) {
	need.Root(t)
	need.Program(t, "unshare")
	path, err := exec.LookPath("unshare")
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.MemfdCreate("clone", 0)
	if err != nil {
		t.Fatal(err)
	}
	memfd := os.NewFile(uintptr(fd), "clone")
	defer memfd.Close()
	if _, err := memfd.Write(program); err != nil {
		t.Fatal(err)
	}
	s := open(t, trace.Options{Identify: true})
	cmd := exec.Command("/proc/self/fd/3", "-u", "true")
	cmd.ExtraFiles = []*os.File{memfd}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	all := of(s.all(), cmd.Process.Pid)
	if len(all) != 1 || !all[0].Caller.Unlinked || !all[0].Caller.Root {
		t.Errorf("%+v", all)
	}
}

// TestCallerTiers demands that tiers which record no users refuse filters by them.
func TestCallerTiers(t *testing.T) {
	for _, o := range []trace.Options{{Identify: true}, {Filter: trace.Filter{UIDs: []int{0}}}} {
		for _, o.Tier = range []trace.Tier{3, 4} {
			if tracer, err := trace.Open(t.Context(), o); err == nil {
				tracer.Close()
				t.Errorf("tier %d takes %+v", o.Tier, o)
			} else if !strings.Contains(err.Error(), "use tier 1 or 2") {
				t.Errorf("tier %d: %v", o.Tier, err)
			}
		}
	}
}

func inodeOf(t *testing.T, program string) uint64 {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Fatal(err)
	}
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	return st.Ino
}
