// SPDX-License-Identifier: Apache-2.0

package host

import (
	"errors"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/nsinspect/nsinspect/internal/hosttest"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

func TestOwnTask(t *testing.T) {
	h, err := Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	self := strconv.Itoa(os.Getpid())
	if st, err := h.ReadStatus(self); err != nil || st.UID != os.Geteuid() || st.OutlivesTerm {
		t.Errorf("ReadStatus() = %+v, %v, want user %d", st, err, os.Geteuid())
	}
	if st, err := h.ReadStatus("0"); err == nil || st.UID != -1 {
		t.Errorf("ReadStatus() of no process = %+v, %v", st, err)
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

// A file that a kernel writes as one record is read whole, however long it is.
func TestReadCgroup(t *testing.T) {
	for size, want := range map[int]error{0: nil, 1: nil, 2047: nil, 2048: nil, 5000: nil, mostCgroup: nil, mostCgroup + 1: ErrTooLarge} {
		root := hosttest.New(t, "-- proc/7 (process) --\nnet 4026532500\n-- proc/7/cgroup --\n"+strings.Repeat("x", size)+"\n")
		h, err := Open(root)
		if err != nil {
			t.Fatal(err)
		}
		text, err := h.ReadCgroup("7")
		if !errors.Is(err, want) || len(text) != min(size, mostCgroup) || text == nil || strings.Trim(string(text), "x") != "" {
			t.Errorf("of %d bytes %d are read: %v", size, len(text), err)
		}
		h.Close()
	}
}
