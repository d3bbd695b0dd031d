// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package trace_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/testlock"
	"github.com/nsinspect/nsinspect/pkg/trace"
)

// killedEnv has the test be the tracer that is killed.
const killedEnv = "NSINSPECT_TRACE_KILLED"

// TestKilledTracerLeavesNothing kills tracers at twenty moments, while they begin
// and while they trace: no program, map or link stays in the kernel.
func TestKilledTracerLeavesNothing(t *testing.T) {
	testlock.Exclusive(t) // what the whole kernel has is compared
	need.Root(t)
	if os.Getenv(killedEnv) != "" {
		traceUntilKilled(t)
		return
	}
	before := bpfObjects(t)
	for i := range 20 {
		killTracer(t, i%2 == 1)
	}
	demandObjects(t, before)
}

// TestCloseLeavesNothing closes a tracer that traces.
func TestCloseLeavesNothing(t *testing.T) {
	testlock.Exclusive(t) // what the whole kernel has is compared
	need.Root(t)
	before := bpfObjects(t)
	s := open(t, trace.Options{Follow: true})
	s.Looked()
	during := bpfObjects(t)
	for _, kind := range []string{"prog", "map", "link"} {
		if !slices.ContainsFunc(sortedKeys(during), func(o string) bool { return !before[o] && o[:len(kind)] == kind }) {
			t.Errorf("a tracer has no %s", kind)
		}
	}
	start := time.Now()
	s.end()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	t.Logf("closed within %v", time.Since(start))
	demandObjects(t, before)
}

func traceUntilKilled(t *testing.T) {
	s := open(t, trace.Options{})
	os.Stdout.WriteString("\n")
	for {
		if _, err := s.Read(); err != nil {
			t.Fatal(err)
		}
	}
}

// killTracer kills a tracer while it begins, or once it traces.
func killTracer(t *testing.T, ready bool) {
	t.Helper()
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestKilledTracerLeavesNothing$")
	cmd.Env = append(os.Environ(), killedEnv+"=1")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if ready {
		if _, err := io.ReadFull(stdout, make([]byte, 1)); err != nil {
			t.Errorf("the tracer does not get ready: %v", err)
		}
	}
	time.Sleep(time.Duration(rand.IntN(100_000)) * time.Microsecond)
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}

// bpfObjects lists the BPF programs, maps and links that there are.
func bpfObjects(t *testing.T) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	// BPF_{PROG,MAP,LINK}_GET_NEXT_ID of linux/bpf.h
	for kind, command := range map[string]uintptr{"prog": 11, "map": 12, "link": 31} {
		attr := struct{ start, next, flags, unused uint32 }{}
		for {
			_, _, errno := unix.Syscall(unix.SYS_BPF, command, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
			if errno == unix.ENOENT {
				break
			}
			if errno != 0 {
				need.Missing(t, "needs to list BPF objects: "+errno.Error())
			}
			all[fmt.Sprintf("%s_id:\t%d\n", kind, attr.next)] = true
			attr.start = attr.next
		}
	}
	return all
}

// demandObjects demands that none is there that was not, but for those that some
// other process has open. The kernel frees them a moment after their last user.
func demandObjects(t *testing.T, before map[string]bool) {
	t.Helper()
	made := bpfObjects(t)
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		now := bpfObjects(t)
		for o := range made {
			if before[o] || !now[o] {
				delete(made, o)
			}
		}
		if len(made) == 0 || time.Now().After(end) {
			break
		}
	}
	for _, o := range sortedKeys(made) {
		if !isOpen(o) {
			t.Errorf("left behind: %q", o)
		}
	}
}

// isOpen reports whether a process has this object open.
func isOpen(object string) bool {
	infos, _ := filepath.Glob("/proc/[0-9]*/fdinfo/[0-9]*")
	return slices.ContainsFunc(infos, func(path string) bool {
		text, err := os.ReadFile(path)
		return err == nil && bytes.Contains(text, []byte(object))
	})
}

func sortedKeys(m map[string]bool) (keys []string) {
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
