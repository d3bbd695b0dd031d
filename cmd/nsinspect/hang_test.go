// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nsinspect/nsinspect/internal/nstest"
)

// A path that leads to a file system which never answers is one line, wherever it is
// given: the program ends, and what it leaves behind is a child process.
func TestHangingPaths(t *testing.T) {
	if !nstest.PrivateMounts(t) {
		return
	}
	top := t.TempDir()
	hanging, names := filepath.Join(top, "hanging"), filepath.Join(top, "names")
	for _, dir := range []string{hanging, names} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	nstest.HangingFS(t, hanging)
	for link, target := range map[string]string{"link": hanging + "/ns", "names/blue": hanging + "/ns"} {
		if err := os.Symlink(target, filepath.Join(top, link)); err != nil {
			t.Fatal(err)
		}
	}
	program := program(t)
	const silent, unnamed = "no answer within 2s", "no namespace or container named blue"
	var all []*hangingRun
	for _, test := range []struct{ args, shows string }{
		{"who-uses HANG/ns", silent},
		{"who-uses TOP/link", silent},
		{"who-uses /proc/self/root/HANG/ns", silent},
		{"who-uses ../hanging/ns", silent},
		{"exec HANG/ns -- true", silent},
		{"exec TOP/link -- true", silent},
		{"exec --netns-dir TOP/names blue -- true", unnamed},
		{"exec --netns-dir HANG blue -- true", unnamed},
		{"trace --syscalls --ns HANG/ns", silent},
		{"trace --syscalls --to HANG/events --duration 1ms", silent},
		{"trace --syscalls --to TOP/link --duration 1ms", silent},
		{"list --root HANG", silent},
		{"list --root HANG/host", silent},
		{"exec --root HANG blue -- true", silent},
	} {
		args := strings.NewReplacer("HANG", hanging, "TOP", top).Replace(test.args)
		r := &hangingRun{args: test.args, shows: test.shows, cmd: exec.Command(program, strings.Fields(args)...), ended: make(chan struct{})}
		r.cmd.Dir, r.cmd.Stderr = names, &r.stderr
		if err := r.cmd.Start(); err != nil {
			t.Fatal(err)
		}
		go func() {
			_ = r.cmd.Wait() // ProcessState has the result
			close(r.ended)
		}()
		all = append(all, r)
	}
	for _, r := range all {
		r.check(t)
	}
}

// hangingRun is a command that a file system does not answer.
type hangingRun struct {
	args, shows string
	cmd         *exec.Cmd
	stderr      bytes.Buffer
	ended       chan struct{}
}

// check fails the test if the command does not end, or with anything but one line.
func (r *hangingRun) check(t *testing.T) {
	t.Helper()
	select {
	case <-r.ended:
	case <-time.After(2 * time.Minute): // a busy machine: it took 2 s
		_ = r.cmd.Process.Kill() // which does not end it either, before its file system has
		t.Errorf("%s: does not end", r.args)
		return
	}
	lines := strings.Split(strings.TrimSpace(r.stderr.String()), "\n")
	if status := r.cmd.ProcessState.ExitCode(); status != 1 || len(lines) != 1 || !strings.Contains(lines[0], r.shows) {
		t.Errorf("%s: exit status %d: %s", r.args, status, r.stderr.String())
	}
}

// A user who keeps the command line of a process from being read keeps nothing else back.
func TestLockedMemory(t *testing.T) {
	if !nstest.PrivateMounts(t) {
		return
	}
	pid := fmt.Sprint(nstest.LockedMemory(t))
	unread := "nsinspect: /proc/" + pid + "/cmdline unreadable: no answer within 2s\n"
	for _, r := range []besideRun{
		{"list", 0, unread},
		{"list --engine proc", 0, unread},
		{"list -o wide --type all", 0, unread},
		{"who-uses PID", 0, unread},
		{"who-uses --engine proc PID", 0, unread},
		{"doctor", -1, ""}, // which asks only about what it found
		{"snapshot -o " + filepath.Join(t.TempDir(), "file"), 0, ""},
		{"exec PID -- true", 0, ""},
	} {
		r.check(t, pid, func() {})
	}
}

// Nor does one whose process, with the name of a daemon, has its root directory on a file
// system that does not answer.
func TestSilentRoot(t *testing.T) {
	if !nstest.PrivateMounts(t) {
		return
	}
	number, end := nstest.SilentRoot(t)
	pid := fmt.Sprint(number)
	for _, r := range []besideRun{
		{"list", 0, ""},
		{"list --engine proc", 0, ""},
		{"list -o wide --type all", 0, ""},
		{"list --owner docker", 0, ""},
		{"who-uses PID", 0, ""},
		{"who-uses --engine proc PID", 0, ""},
		{"doctor", -1, ""},
		{"doctor --min-age 0s", -1, ""},
		{"snapshot -o " + filepath.Join(t.TempDir(), "file"), 0, ""},
		{"exec PID -- true", 0, ""},
	} {
		r.check(t, pid, end)
	}
}

// besideRun is a run of the program beside a process that answers nothing.
type besideRun struct {
	args   string // PID is that of the process
	status int    // to exit with; -1: any
	shows  string // on stderr
}

// check fails if the program does not end, or not as it should. What may hang is let go by end.
func (r besideRun) check(t *testing.T, pid string, end func()) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // a busy machine: it took 2 s
	defer cancel()
	defer context.AfterFunc(ctx, func() {
		if ctx.Err() == context.DeadlineExceeded {
			end()
		}
	})()
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, program(t), strings.Fields(strings.ReplaceAll(r.args, "PID", pid))...)
	cmd.Stderr = &stderr
	_ = cmd.Run() // ProcessState has the result
	status := cmd.ProcessState.ExitCode()
	if ctx.Err() != nil || r.status >= 0 && status != r.status || !strings.Contains(stderr.String(), r.shows) {
		t.Errorf("%s: %v, exit status %d: %s", r.args, ctx.Err(), status, stderr.String())
	}
}
