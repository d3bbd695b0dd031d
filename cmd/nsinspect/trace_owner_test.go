// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"testing"
	"time"

	"github.com/nsinspect/nsinspect/internal/host"
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
