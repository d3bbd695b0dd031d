// SPDX-License-Identifier: Apache-2.0

package runtimes

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moby/sys/mountinfo"
)

// childEnv makes TestChild start the runtime it names and wait to be killed.
const childEnv = "NSINSPECT_RUNTIMES_CHILD"

// starter is a runtime that TestChild can start with one container.
type starter struct {
	need  func(testing.TB)
	start func(testing.TB) (*home, container)
}

var starters = map[string]starter{
	"docker": {needDocker, func(t testing.TB) (*home, container) {
		d := startDocker(t)
		return d.home, d.run(t, "web")
	}},
	"containerd": {needContainerd, func(t testing.TB) (*home, container) {
		c := startCtr(t)
		return c.home, c.run(t, "web")
	}},
	"lxc": {needLXC, func(t testing.TB) (*home, container) {
		l := newLXC(t)
		return l.home, l.run(t, "web")
	}},
	"podman": {needPodman, func(t testing.TB) (*home, container) {
		p := startPodman(t)
		p.pod(t, "pod")
		p.run(t, "inpod", "--pod", "pod")
		return p.home, p.run(t, "web")
	}},
}

// born is what TestChild reports about itself.
type born struct {
	Dir, SandboxKey string
	PID, Reaper     int

	traces traces // what the parent finds before the kill
}

func TestChild(t *testing.T) {
	s, ok := starters[os.Getenv(childEnv)]
	if !ok {
		return // this is no child of TestKilled
	}
	h, c := s.start(t)
	line, err := json.Marshal(born{Dir: h.dir, SandboxKey: c.sandboxKey, PID: c.pid, Reaper: h.reaper.Process.Pid})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("\nborn %s\n", line)
	time.Sleep(time.Minute)
}

// TestKilled checks that nothing survives a test run that gets SIGKILL: the
// reaper sees to it, or, when that is killed too, the next run.
func TestKilled(t *testing.T) {
	for runtime, s := range starters {
		t.Run(runtime, func(t *testing.T) {
			s.need(t)
			b, kill := startChild(t, runtime)
			kill()
			waitSwept(t, b)
		})
		t.Run(runtime+" and reaper", func(t *testing.T) {
			s.need(t)
			b, kill := startChild(t, runtime)
			if err := syscall.Kill(b.Reaper, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			kill()
			if err := remains(b); err == nil {
				t.Error("all is gone before the next run")
			}
			if err := sweepLeftovers(); err != nil {
				t.Fatal(err)
			}
			waitSwept(t, b)
		})
	}
}

// startChild runs TestChild in a process of its own until it is killed.
func startChild(t *testing.T, runtime string) (born, func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestChild$", "-test.v")
	cmd.Env = append(os.Environ(), childEnv+"="+runtime)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill := func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	t.Cleanup(kill)
	b, printed := readBorn(t, out)
	if b.Dir == "" {
		t.Fatalf("the child ended: %s", printed)
	}
	b.traces = readTraces(b.Dir)
	if len(b.traces.ids) == 0 || runtime != "lxc" && len(b.traces.names)+len(b.traces.shims) == 0 {
		t.Fatalf("the home has nothing: %+v", b.traces)
	}
	return b, kill
}

// readBorn reads what a child prints until it is ready.
func readBorn(t *testing.T, out io.Reader) (b born, text string) {
	t.Helper()
	var printed strings.Builder
	for s := bufio.NewScanner(out); s.Scan(); {
		if data, ok := strings.CutPrefix(s.Text(), "born "); ok {
			if err := json.Unmarshal([]byte(data), &b); err != nil {
				t.Fatal(err)
			}
			break
		}
		printed.WriteString(s.Text() + "\n")
	}
	return b, printed.String()
}

// waitSwept waits until nothing of the child remains, for at most a minute.
func waitSwept(t *testing.T, b born) {
	t.Helper()
	var err error
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if err = remains(b); err == nil {
			return
		}
	}
	log, _ := os.ReadFile(filepath.Join(b.Dir, reaperLog))
	t.Errorf("a minute after the kill: %v; the reaper printed %q", err, log)
}

// remains returns what is left of a child, nil if nothing.
func remains(b born) error {
	var err error
	found := func(format string, args ...any) { err = errors.Join(err, fmt.Errorf(format, args...)) }
	mounts, e := mountinfo.GetMounts(mountinfo.PrefixFilter(b.Dir))
	if e != nil || len(mounts) > 0 {
		found("%d mounts below %s, %v", len(mounts), b.Dir, e)
	}
	if paths := cgroupsOf(b.traces.ids); len(paths) > 0 {
		found("cgroups %v", paths)
	}
	paths := []string{b.Dir, b.SandboxKey, "/sys/class/net/" + bridgeOf(b.Dir), fmt.Sprintf("/proc/%d", b.PID)}
	for _, path := range slices.Concat(paths, b.traces.names, b.traces.shims) {
		if exists(path) {
			found("%s", path)
		}
	}
	if err != nil {
		return err // a look at all processes is dear
	}
	if pids, e := processesOf(b.Dir, b.traces.ids); e != nil || len(pids) > 0 {
		found("processes %v, %v", pids, e)
	}
	return err
}
