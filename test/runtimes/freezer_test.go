// SPDX-License-Identifier: Apache-2.0

package runtimes

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/need"
)

// hierarchy is one of the places where cgroups freeze.
type hierarchy struct {
	dir           string
	file, freeze  string // what is written to freeze a cgroup
	state, frozen string // the file that has it
}

var hierarchies = []hierarchy{
	{"/sys/fs/cgroup/freezer", "freezer.state", "FROZEN", "freezer.state", "FROZEN\n"},
	{"/sys/fs/cgroup/unified", "cgroup.freeze", "1", "cgroup.events", "frozen 1\n"},
	{"/sys/fs/cgroup", "cgroup.freeze", "1", "cgroup.events", "frozen 1\n"},
}

// What who-uses advises ends a process that its cgroup keeps from running, though it catches
// SIGTERM, and though it is the cgroup around its own that is frozen.
func TestFrozen(t *testing.T) {
	need.Root(t)
	h := newHome(t)
	n := newInspect(t)
	tried := 0
	for i, c := range hierarchies {
		id := fmt.Sprintf("nsrt%d-frozen%c", os.Getpid(), 'a'+i)
		h.remember(t, id)
		outer := filepath.Join(c.dir, id)
		inner := filepath.Join(outer, "it's $(inner)")
		if os.Mkdir(outer, 0o755) != nil {
			continue
		}
		if _, err := os.Stat(filepath.Join(outer, c.file)); err == nil { // else another hierarchy, or Linux before 5.2
			tried++
			if err := os.Mkdir(inner, 0o755); err != nil {
				t.Fatal(err)
			}
			checkFrozen(t, h, n, c, inner)
			if err := unlessBusy(func() error { return os.Remove(inner) }); err != nil {
				t.Error(err)
			}
		}
		if err := unlessBusy(func() error { return os.Remove(outer) }); err != nil {
			t.Error(err)
		}
	}
	if tried == 0 {
		need.Missing(t, "needs cgroups that freeze below /sys/fs/cgroup")
	}
}

// checkFrozen freezes the cgroup around one, with a process in a network namespace of its own.
func checkFrozen(t *testing.T, h *home, n nsinspect, c hierarchy, cgroup string) {
	t.Helper()
	cmd := exec.Command("unshare", "--net", "sh", "-c", `trap "exit 3" TERM; echo; read line`)
	cmd.Env = h.environ()
	cmd.SysProcAttr = &unix.SysProcAttr{Pdeathsig: unix.SIGKILL}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := stdout.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	pid := strconv.Itoa(cmd.Process.Pid)
	err = errors.Join(
		os.WriteFile(filepath.Join(cgroup, "cgroup.procs"), []byte(pid), 0),
		os.WriteFile(filepath.Join(filepath.Dir(cgroup), c.file), []byte(c.freeze), 0),
	)
	if err != nil {
		t.Error(err)
	}
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if state, err := os.ReadFile(filepath.Join(cgroup, c.state)); err == nil && strings.Contains(string(state), c.frozen) {
			break
		}
		if time.Now().After(end) {
			t.Errorf("%s is not frozen", cgroup)
			break
		}
	}
	a := n.whoUses(t, "pid:"+pid)
	if len(a.Fix) != 1 || !strings.HasSuffix(a.Verdict, ", which is frozen.") {
		t.Errorf("%s: %s\n%q", c.dir, a.Verdict, a.Fix)
	}
	paste(t, h, a.Fix)
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Errorf("%s: not ended by %q", c.dir, a.Fix)
		if err := errors.Join(thaw(cmd.Process.Pid), cmd.Process.Kill()); err != nil {
			t.Error(err)
		}
		<-ended
	}
}

// stub makes a program of the home that is called as a command begins, with some environment.
func stub(t *testing.T, h *home, command []string, env ...string) {
	t.Helper()
	path, err := exec.LookPath(command[0])
	if err != nil {
		t.Fatal(err)
	}
	h.mkdir(t, "bin")
	words := append(append([]string{"exec", "env"}, env...), append([]string{path}, command[1:]...)...)
	script := "#!/bin/sh\n" + strings.Join(words, " ") + ` "$@"` + "\n" // none of these has spaces
	if err := os.Chmod(h.write(t, filepath.Join("bin", command[0]), script), 0o700); err != nil {
		t.Fatal(err)
	}
}

// paste runs commands in a shell, with the programs in the home before others.
func paste(t *testing.T, h *home, commands []string) {
	t.Helper()
	cmd := exec.Command("sh", "-e")
	cmd.Env = h.environ()
	cmd.Env[0] = "PATH=" + h.path("bin") + ":" + os.Getenv("PATH")
	cmd.Stdin = strings.NewReader(strings.Join(commands, "\n") + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%q: %v: %s", commands, err, out)
	}
}
