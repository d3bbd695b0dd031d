// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package engines

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/nstest"
)

// killedEnv marks the scans that are killed.
const killedEnv = "NSINSPECT_ENGINES_KILLED"

// TestKilledScanLeavesNothing kills the program at fifty moments with each
// engine: no namespace, mount, process or BPF program stays.
func TestKilledScanLeavesNothing(t *testing.T) {
	need.Root(t)
	program := binary(t)
	for _, engine := range engineNames {
		t.Run(engine, func(t *testing.T) {
			CheckKernel(t)
			nstest.CheckLeaks(t)
			nstest.Make(t, nstest.FD)
			nstest.Make(t, nstest.Socket)
			before := takeStock(t)
			token := fmt.Sprintf("%s=%d-%s", killedEnv, os.Getpid(), engine)
			var pids []int
			for range 50 {
				pids = append(pids, killOne(t, token, program, "list", "-o", "json", "--engine", engine))
			}
			checkStock(t, before)
			if left := marked(t, token); len(left) > 0 {
				t.Errorf("processes %v are left", left)
			}
			checkNoHolder(t, pids)
		})
	}
}

// killOne starts a command and kills it within what a scan takes.
func killOne(t *testing.T, env string, args ...string) int {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), env)
	cmd.SysProcAttr = &unix.SysProcAttr{Pdeathsig: unix.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Duration(rand.IntN(120_000)) * time.Microsecond)
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	return cmd.Process.Pid
}

// takeStock lists the BPF programs and namespace mounts that there are.
func takeStock(t *testing.T) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	attr := struct{ start, next, flags, unused uint32 }{}
	for {
		const progGetNextID = 11 // BPF_PROG_GET_NEXT_ID of linux/bpf.h
		_, _, errno := unix.Syscall(unix.SYS_BPF, progGetNextID, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
		if errno == unix.ENOENT {
			break
		}
		if errno != 0 {
			need.Missing(t, "needs to list BPF programs: "+errno.Error())
		}
		all[fmt.Sprintf("BPF program %d", attr.next)] = true
		attr.start = attr.next
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, " - nsfs ") {
			all["mount "+line] = true
		}
	}
	return all
}

// checkStock checks that nothing is left beside what was there before. What
// others made meanwhile is given time to go; a program that one of them holds
// stays.
func checkStock(t *testing.T, before map[string]bool) {
	t.Helper()
	made := takeStock(t)
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		now := takeStock(t)
		for what := range made {
			if before[what] || !now[what] {
				delete(made, what)
			}
		}
		if len(made) == 0 || time.Now().After(end) {
			break
		}
	}
	for what := range made {
		if !strings.HasPrefix(what, "mount ") && !heldByProcess(what) || strings.Contains(what, "nsinspect-engines") {
			t.Errorf("left behind: %s", what)
		}
	}
}

// heldByProcess reports whether some process has the BPF program open: with no
// scan of ours alive, that is somebody else's.
func heldByProcess(what string) bool {
	id := "prog_id:\t" + strings.TrimPrefix(what, "BPF program ") + "\n"
	infos, _ := filepath.Glob("/proc/[0-9]*/fdinfo/[0-9]*")
	return slices.ContainsFunc(infos, func(path string) bool {
		text, err := os.ReadFile(path)
		return err == nil && bytes.Contains(text, []byte(id))
	})
}

// marked lists the processes that have this in their environment.
func marked(t *testing.T, env string) (pids []string) {
	t.Helper()
	paths, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err == nil && bytes.Contains(text, []byte(env+"\x00")) {
			pids = append(pids, path)
		}
	}
	return pids
}

// checkNoHolder checks that none of these, which are dead, holds anything.
func checkNoHolder(t *testing.T, pids []int) {
	t.Helper()
	for e, opts := range optionsOf(t) {
		for _, n := range look(t, opts).Namespaces {
			for _, h := range n.Holders {
				if slices.Contains(pids, int(h.PID)) && errors.Is(unix.Kill(int(h.PID), 0), unix.ESRCH) {
					t.Errorf("%s: %s is held by a scan that was killed: %+v", engineNames[e], &n, h)
				}
			}
		}
	}
}
