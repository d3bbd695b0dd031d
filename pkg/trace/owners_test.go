// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/kernel"
	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
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
	found := findOwner(h, owner.Read(t.Context(), owner.Options{Host: h}), ns.TaskID(self), kernel.BootOffset())
	if age := kernel.SinceBoot() - found.born; age < 0 || age > time.Hour {
		t.Errorf("this process is %v old", age)
	}
	if gone := findOwner(h, nil, 4194304, kernel.BootOffset()); gone.born != 0 || gone.Owner != nil {
		t.Errorf("the owner of no process is %+v", gone)
	}
	found.Owner = &owner.Owner{Runtime: "docker", Name: "web"} // wherever the test runs
	f := &Owners{known: map[int]foundOwner{self: found}}
	if f.Of(&Event{PID: self, Boot: kernel.SinceBoot()}) == nil {
		t.Error("an event of now has no owner")
	}
	if o := f.Of(&Event{PID: self, Boot: found.born - time.Second}); o != nil {
		t.Errorf("an event from before the process started has its owner, %v", o)
	}
	if o := f.Of(&Event{PID: self + 1, Boot: kernel.SinceBoot()}); o != nil {
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
	if found := findOwner(h, nil, 1, kernel.BootOffset()); found.born != 0 {
		t.Errorf("process 1 there is taken for one here, which started %v", found.born)
	}
}

// A look-up that does not answer is waited for once, and not at every batch of events.
func TestOwnersThatDoNotCome(t *testing.T) {
	f := &Owners{known: map[int]foundOwner{}, asked: make(chan []int, 1), found: make(chan map[int]foundOwner, 1)}
	begin := time.Now()
	const rounds = 50
	for i := range rounds {
		f.Update([]Event{{PID: i + 1}}, time.Now().Add(time.Second))
	}
	if took := time.Since(begin); took > rounds/2*ownerPatience {
		t.Errorf("%d batches waited %v", rounds, took)
	}
	f.found <- map[int]foundOwner{1: {Owner: &owner.Owner{Runtime: "docker"}, born: 1}}
	f.Update([]Event{{PID: 1}}, time.Now().Add(time.Second))
	if f.Of(&Event{PID: 1, Boot: 2}) == nil {
		t.Error("the answer that came at last is not used")
	}
}
