// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"os/exec"
	"slices"
	"syscall"
	"testing"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/testlock"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// A sparse scan finds every process that is in no initial namespace, and in those what leads
// a process group.
func TestSparse(t *testing.T) {
	need.Root(t)
	need.Program(t, "sleep")
	testlock.Shared(t)
	start := func(attr syscall.SysProcAttr) ns.TaskID {
		cmd := exec.Command("sleep", "1000")
		cmd.SysProcAttr = &attr
		attr.Pdeathsig = syscall.SIGKILL
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
		return ns.TaskID(cmd.Process.Pid)
	}
	inside, leads := start(syscall.SysProcAttr{}), start(syscall.SysProcAttr{Setpgid: true})
	apart := start(syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET})
	h, err := host.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	own, err := h.NamespaceLink("self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	initial := own == h.InitialNamespaces()[ns.Net]
	for _, sparse := range []bool{false, true} {
		snap := scanLive(t, Options{Host: h, Sources: []string{"process"}, Sparse: sparse})
		for _, p := range []struct {
			pid  ns.TaskID
			what string
			want bool
		}{{inside, "one inside", !sparse || !initial}, {leads, "one that leads a group", true}, {apart, "one in a namespace of its own", true}} {
			found := slices.ContainsFunc(snap.Namespaces, func(n ns.Namespace) bool {
				return slices.ContainsFunc(n.Holders, func(h ns.Holder) bool { return h.PID == p.pid })
			})
			if found != p.want {
				t.Errorf("sparse %v, in the initial namespace %v: %s is found: %v", sparse, initial, p.what, found)
			}
		}
	}
}
