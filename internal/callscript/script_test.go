// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package callscript_test

import (
	"os"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/callscript"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// TestScript runs what every script is made of, as a program of 64 and of 32 bits.
func TestScript(t *testing.T) {
	own, err := os.Stat("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	for name, numbers := range map[string]struct {
		script                        *callscript.Script
		getpid, getppid, clone, wait4 int
	}{
		"64": {callscript.New(), unix.SYS_GETPID, unix.SYS_GETPPID, unix.SYS_CLONE, unix.SYS_WAIT4},
		"32": {callscript.New32(), 20, 64, 120, 114}, // on i386 and on ARM
	} {
		t.Run(name, func(t *testing.T) {
			s := numbers.script
			pid := s.Call(numbers.getpid)
			look := s.Look()
			var parents *callscript.Step
			fork := s.Call(numbers.clone, int(unix.SIGCHLD), 0, 0, 0, 0)
			s.Child(fork, func() { parents = s.Call(numbers.getppid) })
			wait := s.Call(numbers.wait4, fork, 0, 0, 0)
			var again *callscript.Step
			s.Loop(3, func() { again = s.Call(numbers.wait4, -1, 0, 0, 0) })
			run := s.Run(t, callscript.Options{})
			if got := run.Result(pid); got != int64(run.PID) {
				t.Errorf("getpid is %d, want %d", got, run.PID)
			}
			if got := run.Result(parents); got != int64(run.PID) {
				t.Errorf("the child's parent is %d, want %d", got, run.PID)
			}
			if got, want := run.Result(wait), run.Result(fork); got != want || want <= 0 {
				t.Errorf("waited for %d, want %d", got, want)
			}
			if got := run.Errno(again); got != unix.ECHILD {
				t.Errorf("waiting again: %v, want ECHILD", got)
			}
			if got, want := run.Where(look).Inode[ns.Net], own.Sys().(*syscall.Stat_t).Ino; got != want {
				t.Errorf("it is in net:[%d], want net:[%d]", got, want)
			}
		})
	}
}
