// SPDX-License-Identifier: Apache-2.0

package host

import (
	"os"
	"os/exec"
	"slices"
	"strconv"
	"testing"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

func TestOwnTask(t *testing.T) {
	h, err := Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	self := strconv.Itoa(os.Getpid())
	if uid, err := h.EffectiveUID(self); err != nil || uid != os.Geteuid() {
		t.Errorf("EffectiveUID() = %d, %v, want %d", uid, err, os.Geteuid())
	}
	if uid, err := h.EffectiveUID("0"); err == nil {
		t.Errorf("EffectiveUID() of no process = %d", uid)
	}
	file, err := os.Open("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	all, err := Descriptors(int(file.Fd()), make([]byte, 64)) // a few entries at a time
	if err != nil || !slices.Contains(all, int(file.Fd())) || !slices.Contains(all, 2) {
		t.Errorf("Descriptors() = %v, %v: without %d or 2", all, err, file.Fd())
	}
}

func TestMayHaveThreads(t *testing.T) {
	h, err := Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	sleep := exec.Command("sleep", "1000")
	if err := sleep.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sleep.Process.Kill(); _ = sleep.Wait() }()
	for pid, want := range map[int]bool{os.Getpid(): true, sleep.Process.Pid: false, 1 << 30: true} {
		if got := h.MayHaveThreads(ns.TaskID(pid)); got != want {
			t.Errorf("MayHaveThreads(%d) = %v", pid, got)
		}
	}
}
