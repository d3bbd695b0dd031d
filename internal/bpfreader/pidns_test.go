// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package bpfreader

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/need"
)

// inPIDNamespace returns a command that runs the calling test again as process 1 of a
// PID namespace of its own, with its role in the environment.
func inPIDNamespace(t *testing.T, role string) *exec.Cmd {
	t.Helper()
	child := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$")
	child.Env = append(os.Environ(), "BPFREADER_TEST_CHILD="+role)
	child.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS, Pdeathsig: unix.SIGKILL}
	return child
}

// TestPIDNamespace reads from inside another PID namespace: IDs are those of that
// namespace, and only its tasks are read. The list of network namespaces is the
// machine's all the same.
func TestPIDNamespace(t *testing.T) {
	need.Root(t)
	if os.Getenv("BPFREADER_TEST_CHILD") == "" {
		if out, err := inPIDNamespace(t, "reader").CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	r := open(t, Options{Passes: Tasks | Nets})
	tasks := tasksBy(t, r)
	if os.Getpid() != 1 || tasks[1].PID != 1 || tasks[1].PPID != 0 || tasks[1].NS[NSPID] != inodeAt(t, "/proc/self/ns/pid") {
		t.Errorf("as process %d: got %+v of %d", os.Getpid(), tasks[1], len(tasks))
	}
	for _, task := range tasks {
		if task.PID != 1 {
			t.Errorf("got %+v", task)
		}
	}
	nets, err := r.Nets()
	if err != nil || len(nets) == 0 {
		t.Errorf("list: %d, %v", len(nets), err)
	}
}

// TestSiblingPIDNamespace checks that a process of a sibling PID namespace has no ID in
// the reader's: it is process 1 there, as the reader is here. Mapped is the one pass
// that reads processes of the whole machine.
func TestSiblingPIDNamespace(t *testing.T) {
	need.Root(t)
	switch os.Getenv("BPFREADER_TEST_CHILD") {
	case "holder":
		ns := inNew(t, func() { packetRing(t) })
		fmt.Println("holds", ns.inode, ns.cookie)
		io.Copy(io.Discard, os.Stdin)
	case "reader":
		var ns namespace
		if _, err := fmt.Sscan(os.Getenv("BPFREADER_TEST_NS"), &ns.inode, &ns.cookie); err != nil {
			t.Fatal(err)
		}
		if got := only(t, found(t, open(t, Options{Passes: Mapped}).Mapped, ns)); got.PID != 0 || got.TID != 0 {
			t.Errorf("process 1 of a sibling PID namespace is reported as %d, thread %d, to process %d", got.PID, got.TID, os.Getpid())
		}
	default:
		open(t, Options{Passes: Mapped}) // skips where the pass is not there
		ns := startHolder(t)
		reader := inPIDNamespace(t, "reader")
		reader.Env = append(reader.Env, "BPFREADER_TEST_NS="+ns)
		if out, err := reader.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	}
}

// startHolder starts a process in a PID namespace of its own, which maps a packet ring
// in a network namespace until the test ends. It returns that namespace's inode and
// cookie.
func startHolder(t *testing.T) string {
	t.Helper()
	holder := inPIDNamespace(t, "holder")
	stdin, err := holder.StdinPipe()
	must(t, "pipe", err)
	stdout, err := holder.StdoutPipe()
	must(t, "pipe", err)
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(stdout)
	t.Cleanup(func() {
		must(t, "end holder", stdin.Close())
		out, _ := io.ReadAll(lines)
		if err := holder.Wait(); err != nil {
			t.Errorf("holder: %v\n%s", err, out)
		}
	})
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatalf("holder: %v", err)
		}
		if ns, ok := strings.CutPrefix(strings.TrimSpace(line), "holds "); ok {
			return ns
		}
	}
}
