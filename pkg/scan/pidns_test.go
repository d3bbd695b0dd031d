// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"syscall"
	"testing"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/nstest"
	"github.com/nsinspect/nsinspect/internal/procscan"
	"github.com/nsinspect/nsinspect/internal/testlock"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// The process IDs of a procfs of another PID namespace are not used for system
// calls: what only those show is a gap, never another process's.
func TestProcOfAnotherPIDNamespace(t *testing.T) {
	need.Root(t)
	testlock.Shared(t)
	nstest.CheckLeaks(t)
	// Its procfs is mounted in its own mount namespace, to which its root leads. It is
	// a child of this process, so that no PID 1 has to reap it.
	cmd := exec.Command("sh", "-c", "mount -t proc proc /proc && echo && exec sleep 100")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID, Unshareflags: syscall.CLONE_NEWNS}
	pid := startReporting(t, cmd)
	h, err := host.Open(fmt.Sprintf("/proc/%d/root", pid))
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if h.OwnTaskIDs() {
		t.Fatal("taken for the process IDs of this PID namespace")
	}
	if _, ok := h.Own(1); ok {
		t.Error("process 1 there is given a number here")
	}
	snap, err := Scan(t.Context(), Options{Host: h})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(snap.Gaps, func(g ns.Gap) bool {
		return g.Of("socket") && errors.Is(g.Err, procscan.ErrForeignTaskIDs)
	}) {
		t.Errorf("gaps %v, want one of the sockets", snap.Gaps)
	}
	for _, n := range snap.Namespaces {
		for _, h := range n.Holders {
			if h.PID > 10 {
				t.Errorf("%s: holder %+v of another PID namespace", &n, h)
			}
		}
	}
}
