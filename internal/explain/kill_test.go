// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/scan"
)

// sleeper starts a process of this name that waits to be killed.
func sleeper(t *testing.T, comm string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("sh", "-c", `printf %s "$0" >/proc/self/comm; echo; read line`, comm)
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
	return cmd
}

// The command that ends a process ends it, whatever its name is, and no other that has
// its PID by then.
func TestKill(t *testing.T) {
	m := newMachine(t)
	for _, shell := range shells {
		need.Program(t, shell[0])
		for _, comm := range []string{"sleeper", "a b", "a) S 1 2 3", "a\nb", "\n) R 1 1\n", "$(touch x)", "größe"} {
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
				// Of another that got the PID a tick later.
				st, err := m.ReadStat(pid.String())
				if err != nil {
					t.Fatal(err)
				}
				paste(strings.Replace(command, fmt.Sprintf("= %d ]", st.Start), fmt.Sprintf("= %d ]", st.Start-1), 1))
				if _, err := m.ReadStat(pid.String()); err != nil {
					t.Fatalf("ended by the command for another: %v", err)
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
