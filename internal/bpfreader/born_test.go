// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package bpfreader

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/kernel"
	"github.com/nsinspect/nsinspect/internal/need"
)

// statOf reads the stat file of a task.
func statOf(t *testing.T, task string) host.Stat {
	t.Helper()
	h, err := host.Open("/")
	must(t, "open host", err)
	defer h.Close()
	st, err := h.ReadStat(task)
	must(t, "read stat", err)
	return st
}

// TestBorn compares the start of every process with field 22 of its stat file: here, and
// in a time namespace, which shifts what that shows.
func TestBorn(t *testing.T) {
	need.Root(t)
	const inside = "BPFREADER_TEST_TIME"
	if os.Getenv(inside) == "" {
		exe, err := os.Executable()
		must(t, "find this program", err)
		child := exec.Command("unshare", "--fork", "--kill-child", "--time", "--boottime", "100000", "--monotonic", "50000", "--", exe, "-test.run=^TestBorn$", "-test.v")
		child.Env = append(os.Environ(), inside+"=1")
		if _, err := os.Stat("/proc/self/ns/time"); err != nil {
			t.Log("without time namespaces")
		} else if out, err := child.CombinedOutput(); err != nil {
			t.Errorf("in a time namespace: %v\n%s", err, out)
		}
	} else if born := statOf(t, "self").Born(); (born >= 100_000*time.Second) != kernel.Running().AtLeast(5, 11) {
		t.Errorf("this process was born %v after boot, in a time namespace", born)
	}
	h, err := host.Open("/")
	must(t, "open host", err)
	defer h.Close()
	compared := 0
	for tid, task := range tasksBy(t, open(t, Options{Passes: Tasks})) {
		if tid != task.PID {
			continue
		}
		st, err := h.ReadStat(fmt.Sprint(tid))
		if err != nil {
			continue // ended since
		}
		if compared++; !st.IsOf(task.Born) {
			t.Errorf("process %d (%s) was born %v after boot, by its stat file %v", tid, st.Comm, task.Born, st.Born())
		}
	}
	if compared == 0 {
		t.Error("no process was compared")
	}
}

// TestBornOfThread checks that a thread's record has the start of its process.
func TestBornOfThread(t *testing.T) {
	need.Root(t)
	for tid, task := range tasksBy(t, open(t, Options{Passes: Tasks})) {
		if task.PID == self && (!statOf(t, "self").IsOf(task.Born) || tid != self && task.Start < task.Born) {
			t.Errorf("thread %d started at %v in a process of %v, which started at %v", tid, task.Start, task.Born, statOf(t, "self").Born())
		}
	}
}
