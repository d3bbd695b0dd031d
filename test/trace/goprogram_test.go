// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package actors

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/strace"
	"github.com/nsinspect/nsinspect/internal/testlock"
)

// goEnv is set in a process of this package that is a program in Go, to what it does.
const goEnv = "NSINSPECT_TEST_GO"

func init() {
	do := map[string]func(n int) error{"threads": moveThreads, "clones": startClones}[os.Getenv(goEnv)]
	if do == nil {
		return
	}
	n, err := strconv.Atoi(os.Args[1])
	if err == nil {
		err = do(n)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// moveThreads has so many goroutines each make a network namespace for its thread, and return
// to the one it came from, as programs with a library of namespaces do. Every fourth does
// not return, and its thread ends with it.
func moveThreads(n int) error {
	home, err := unix.Open("/proc/self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	results := make(chan error)
	for i := range n {
		go func() {
			runtime.LockOSThread()
			err := unix.Unshare(unix.CLONE_NEWNET)
			if err == nil && i%4 > 0 {
				if err = unix.Setns(home, unix.CLONE_NEWNET); err == nil {
					runtime.UnlockOSThread()
				}
			}
			results <- err
		}()
	}
	for range n {
		err = errors.Join(err, <-results)
	}
	return err
}

// startClones starts so many processes in namespaces of their own, eight at a time.
func startClones(n int) error {
	results := make(chan error, n)
	slots := make(chan struct{}, 8)
	for i := range n {
		slots <- struct{}{}
		go func() {
			defer func() { <-slots }()
			cmd := exec.Command("true")
			cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUTS}
			if i%2 == 0 {
				cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWNET
			}
			results <- cmd.Run()
		}()
	}
	var all error
	for range n {
		all = errors.Join(all, <-results)
	}
	return all
}

// TestGoProgram has a program in Go move its threads, and start processes in a storm.
func TestGoProgram(t *testing.T) {
	need.Root(t)
	testlock.Shared(t)
	for what, want := range map[string][]string{
		"threads": slices.Concat(slices.Repeat([]string{"unshare(CLONE_NEWNET) = 0"}, 40), slices.Repeat([]string{"setns(*, CLONE_NEWNET) = 0"}, 30)),
		"clones":  slices.Repeat([]string{"clone(*CLONE_NEWUTS*) = *"}, 120),
	} {
		t.Run(what, func(t *testing.T) {
			n := 40
			if what == "clones" {
				n = 120
			}
			t.Setenv(goEnv, what)
			self, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			calls, events := strace.Record(t, func(straced []string) { command(t, append(straced, self, fmt.Sprint(n))...) })
			strace.Compare(t, calls, events, want...)
			if calls.Count() != len(want) {
				t.Errorf("strace saw %d calls, want %d", calls.Count(), len(want))
			}
		})
	}
}
