// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/scan"
)

// sleeper starts a process of this name that waits to be killed.
func sleeper(t *testing.T, comm string) *exec.Cmd {
	t.Helper()
	cmd, _ := sleeperThat(t, "", comm)
	return cmd
}

// sleeperThat starts one that runs shell commands before, and returns what ends it.
func sleeperThat(t *testing.T, does, comm string) (*exec.Cmd, io.Closer) {
	t.Helper()
	cmd := exec.Command("sh", "-c", does+`printf %s "$0" >/proc/self/comm; echo; read line`, comm)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stdin.Close(); _ = cmd.Process.Kill(); _ = cmd.Wait() })
	if _, err := stdout.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	return cmd, stdin
}

// The command that ends a process ends it, whatever its name is, and no other that has
// its PID by then.
func TestKill(t *testing.T) {
	m := newMachine(t)
	for _, shell := range shells {
		need.Program(t, shell[0])
		for _, comm := range []string{"sleeper", "a b", "a) S 1 2 3", "a\nb", "\n) R 1 1\n", "$(touch x)", "größe", "\xff b) c"} {
			t.Run(fmt.Sprintf("%s %q", shell, comm), func(t *testing.T) {
				cmd := sleeper(t, comm)
				pid := ns.TaskID(cmd.Process.Pid)
				p, err := scan.ReadProcess(m.Host, pid)
				if err != nil {
					t.Fatal(err)
				}
				a := New(&ns.Snapshot{}, m, nil)
				h := &ns.Holder{Kind: ns.KindProcess, PID: pid, Process: p}
				command := a.kill(h)
				if command == "" || strings.ContainsFunc(command, func(r rune) bool { return r < ' ' || r > '~' }) {
					t.Fatalf("command %q", command)
				}
				later := *p
				later.Started = later.Started.Add(-time.Second)
				if other := a.kill(&ns.Holder{Kind: ns.KindProcess, PID: pid, Process: &later}); other != "" {
					t.Errorf("command %q for a process that has ended", other)
				}
				paste := func(text string) {
					sh := exec.Command(shell[0], shell[1:]...)
					sh.Stdin = strings.NewReader(text + "\n")
					if out, err := sh.CombinedOutput(); len(out) > 0 {
						t.Errorf("%s: %v: %s", text, err, out)
					}
				}
				paste(command)
				done := make(chan error, 1)
				go func() { done <- cmd.Wait() }()
				select {
				case <-done:
				case <-time.After(10 * time.Second):
					t.Errorf("not ended by %s", command)
				}
			})
		}
	}
}

// The command ends no other process that has got the PID, a tick later.
func TestKillNoOther(t *testing.T) {
	m := newMachine(t)
	for _, shell := range shells {
		need.Program(t, shell[0])
		cmd, stdin := sleeperThat(t, "", "spared")
		pid := ns.TaskID(cmd.Process.Pid)
		p, err := scan.ReadProcess(m.Host, pid)
		if err != nil {
			t.Fatal(err)
		}
		st, err := m.ReadStat(pid.String())
		if err != nil {
			t.Fatal(err)
		}
		command := New(&ns.Snapshot{}, m, nil).kill(&ns.Holder{Kind: ns.KindProcess, PID: pid, Process: p})
		earlier := strings.Replace(command, fmt.Sprintf("= %d ]", st.Start), fmt.Sprintf("= %d ]", st.Start-1), 1)
		if earlier == command {
			t.Fatalf("no start time in %s", command)
		}
		sh := exec.Command(shell[0], shell[1:]...)
		sh.Stdin = strings.NewReader(earlier + "\n")
		if out, _ := sh.CombinedOutput(); len(out) > 0 { // the status is that of the test
			t.Errorf("%s: %s", earlier, out)
		}
		stdin.Close() // upon which it ends by itself, unless a signal has come before
		_ = cmd.Wait()
		if w := cmd.ProcessState.Sys().(syscall.WaitStatus); w.Signaled() {
			t.Errorf("%s: %s has ended it", shell, earlier)
		}
	}
}

// A process with spaces in its name has its start time further back in its stat file. A user
// can choose both, so that the same field of whoever has the PID next has the same number.
func TestKillNoOtherByAnotherField(t *testing.T) {
	cmd := sleeper(t, "spared")
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(stat))
	for i := 22; i < 22+15; i++ { // as many spaces as a name may have
		value, err := strconv.ParseUint(fields[i], 10, 63)
		if err != nil || fields[i] == fields[21] {
			continue
		}
		test := guard(ns.TaskID(cmd.Process.Pid), host.Stat{Comm: "a" + strings.Repeat(" ", i-21), Start: value})
		if err := exec.Command("dash", "-c", test).Run(); err == nil {
			t.Errorf("%s: true of another process", test)
		}
	}
}

// One that SIGTERM does not end is killed: a shell that ignores it, the first process of a
// PID namespace, one that is stopped.
func TestKillWhatIgnores(t *testing.T) {
	m := newMachine(t)
	ignores, _ := sleeperThat(t, "trap '' TERM; ", "deaf")
	need.Root(t)
	first := exec.Command("sleep", "600")
	first.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID, Pdeathsig: syscall.SIGKILL}
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	stopped, _ := sleeperThat(t, "", "stopped")
	if err := stopped.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for status := syscall.WaitStatus(0); !status.Stopped(); {
		if _, err := syscall.Wait4(stopped.Process.Pid, &status, syscall.WUNTRACED, nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, cmd := range []*exec.Cmd{ignores, first, stopped} {
		pid := ns.TaskID(cmd.Process.Pid)
		p, err := scan.ReadProcess(m.Host, pid)
		if err != nil {
			t.Fatal(err)
		}
		command := New(&ns.Snapshot{}, m, nil).kill(&ns.Holder{Kind: ns.KindProcess, PID: pid, Process: p})
		if out, err := exec.Command("dash", "-c", command).CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", command, err, out)
		}
		done := make(chan error, 1)
		go func() { done <- cmd.Wait() }()
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			t.Errorf("not ended by %s", command)
			_ = cmd.Process.Kill()
		}
	}
}
