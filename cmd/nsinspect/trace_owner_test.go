// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
	"github.com/nsinspect/nsinspect/pkg/trace"
)

// An event of a process that has ended does not get the owner of the one that has its
// PID by now.
func TestOwnerOfEventsOfAReusedPID(t *testing.T) {
	h, err := host.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	self := os.Getpid()
	found := findOwner(h, owner.Read(t.Context(), owner.Options{Host: h}), ns.TaskID(self), bootTime())
	if age := time.Since(found.born); age < 0 || age > time.Hour {
		t.Errorf("this process is %v old", age)
	}
	if gone := findOwner(h, nil, 4194304, bootTime()); !gone.born.IsZero() || gone.Owner != nil {
		t.Errorf("the owner of no process is %+v", gone)
	}
	found.Owner = &owner.Owner{Runtime: "docker", Name: "web"} // wherever the test runs
	f := &ownerFinder{known: map[int]foundOwner{self: found}}
	if f.of(&trace.Event{PID: self, Time: time.Now()}) == nil {
		t.Error("an event of now has no owner")
	}
	if o := f.of(&trace.Event{PID: self, Time: found.born.Add(-time.Second)}); o != nil {
		t.Errorf("an event from before the process started has its owner, %v", o)
	}
	if o := f.of(&trace.Event{PID: self + 1, Time: time.Now()}); o != nil {
		t.Errorf("an event of another process has the owner %v", o)
	}
}

// An event does not get the owner of the process that has its number in another PID
// namespace, where /proc is of that one.
func TestOwnerByTheProcOfAnotherPIDNamespace(t *testing.T) {
	need.Root(t)
	cmd := exec.Command("sh", "-c", "mount -t proc proc /proc && echo && exec sleep 100")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID, Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
	}()
	if _, err := out.Read(make([]byte, 1)); err != nil {
		t.Fatalf("wait for the process: %v", err)
	}
	h, err := host.Open(fmt.Sprintf("/proc/%d/root", cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if found := findOwner(h, nil, 1, bootTime()); !found.born.IsZero() {
		t.Errorf("process 1 there is taken for one here, which started %v", found.born)
	}
}
