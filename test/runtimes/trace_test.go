// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package runtimes

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/strace"
)

// TestTraceDocker has containers run and end, with strace on dockerd, containerd
// and all that they start, and checks that a tracer records the same calls.
func TestTraceDocker(t *testing.T) {
	d := startDocker(t)
	calls, events := strace.Record(t, func(straced []string) {
		detach := attach(t, d.home, straced)
		d.command(t, "run", "--rm", "--network", "net", image, "sleep", "0")
		d.command(t, "run", "--rm", "--network", "none", image, "sleep", "0")
		detach()
	})
	strace.Compare(t, calls, events, "unshare(*CLONE_NEWNET*) = 0", "setns(*, CLONE_NEWNET) = 0")
	t.Logf("%d calls of %d threads", calls.Count(), len(calls))
}

// attach has strace follow every process of a home, and returns what ends it.
func attach(t *testing.T, h *home, straced []string) (detach func()) {
	t.Helper()
	pids, err := processesOf(h.dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, pid := range pids {
		if pid != h.reaper.Process.Pid {
			straced = append(straced, "-p", strconv.Itoa(pid))
		}
	}
	cmd := exec.Command(straced[0], straced[1:]...)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := false
	detach = func() {
		if !ended {
			ended = true
			_ = cmd.Process.Signal(unix.SIGINT) // it lets go of all of them
			_ = cmd.Wait()
		}
	}
	t.Cleanup(detach)
	for _, pid := range pids {
		for end := time.Now().Add(time.Minute); pid != h.reaper.Process.Pid && !isStraced(pid); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("strace does not attach to process %d", pid)
			}
		}
	}
	return detach
}

// isStraced reports whether every thread of a process is traced.
func isStraced(pid int) bool {
	paths, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	for _, path := range paths {
		status, err := os.ReadFile(path)
		if err == nil && strings.Contains(string(status), "\nTracerPid:\t0\n") {
			return false
		}
	}
	return len(paths) > 0
}

// TestTracePodman does the same with a podman that strace starts.
func TestTracePodman(t *testing.T) {
	p := startPodman(t)
	calls, events := strace.Record(t, func(straced []string) {
		for _, network := range []string{p.network(), "none"} {
			command := slices.Concat(straced, p.args("run", "--rm", "--network", network, image, "sleep", "0"))
			p.home.run(t, p.env(), nil, command[0], command[1:]...)
		}
	})
	strace.Compare(t, calls, events, "unshare(CLONE_NEWNET) = 0", "setns(*, CLONE_NEWNET) = 0")
	t.Logf("%d calls of %d threads", calls.Count(), len(calls))
}

// TestTraceRootless does the same with an ordinary user's podman.
func TestTraceRootless(t *testing.T) {
	r := startRootless(t)
	calls, events := strace.Record(t, func(straced []string) {
		program, args := r.line("run", "--rm", "--network", "none", image, "sleep", "0")
		r.home.run(t, r.env(), nil, straced[0], slices.Concat(straced[1:], []string{program}, args)...)
	})
	strace.Compare(t, calls, events, "setns(*, 0) = 0", "*CLONE_NEWNET*) = *") // into the namespaces of its pause process
	t.Logf("%d calls of %d threads", calls.Count(), len(calls))
}

// TestTraceLXC does the same with a container of LXC's.
func TestTraceLXC(t *testing.T) {
	l := newLXC(t)
	name := l.make(t, "traced", "sleep 0")
	calls, events := strace.Record(t, func(straced []string) {
		command := slices.Concat(straced, []string{"lxc-start", "-P", l.dir, "-n", name, "--foreground"})
		l.home.run(t, nil, nil, command[0], command[1:]...)
	})
	strace.Compare(t, calls, events, "clone(CLONE_INTO_CGROUP*CLONE_NEWNET*) = *", "setns(*, CLONE_NEWNET) = 0")
	t.Logf("%d calls of %d threads", calls.Count(), len(calls))
}

// TestTraceNspawn does the same with a container of systemd-nspawn's.
func TestTraceNspawn(t *testing.T) {
	need.Root(t)
	need.Program(t, "systemd-nspawn", "tar")
	h := newHome(t)
	root := h.mkdir(t, "machine")
	for _, dir := range []string{"usr", "etc"} { // it requires a system
		h.mkdir(t, "machine", dir)
	}
	h.write(t, filepath.Join("machine", "etc", "os-release"), "")
	h.run(t, nil, imageTar(t), "tar", "-x", "-C", root)
	name := h.bridge()
	t.Cleanup(func() { // it leaves this where /run is on a disk
		_ = os.Remove(filepath.Join("/run/systemd/nspawn/propagate", name))
	})
	calls, events := strace.Record(t, func(straced []string) {
		command := slices.Concat(straced, []string{"systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--machine", name,
			"--directory", root, "--private-network", "/bin/sleep", "0"})
		h.run(t, nil, nil, command[0], command[1:]...)
	})
	strace.Compare(t, calls, events, "clone(*CLONE_NEWPID*) = *", "unshare(CLONE_NEWNET) = 0")
	t.Logf("%d calls of %d threads", calls.Count(), len(calls))
}
