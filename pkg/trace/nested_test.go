// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package trace_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/callscript"
	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/testlock"
	"github.com/nsinspect/nsinspect/pkg/trace"
)

// nestedEnv has the test be the tracer in a PID namespace of its own.
const nestedEnv = "NSINSPECT_TRACE_NESTED"

// TestNested traces from inside of a PID namespace, as in a container: who is in
// there is reported by its numbers there, who is not has none.
func TestNested(t *testing.T) {
	need.Root(t)
	testlock.Shared(t)
	if outside := os.Getenv(nestedEnv); outside != "" {
		traceNested(t, outside)
		return
	}
	outside := fmt.Sprintf("out-%d", os.Getpid()) // its name, which no other test has
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestNested$", "-test.v")
	cmd.Env = append(os.Environ(), nestedEnv+"="+outside)
	cmd.SysProcAttr = &unix.SysProcAttr{Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS}
	ready, report, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer ready.Close()
	cmd.ExtraFiles = []*os.File{report}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	done := make(chan error, 1)
	go func() {
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Logf("%s", out)
		}
		report.Close()
		done <- err
	}()
	if _, err := bufio.NewReader(ready).ReadString('\n'); err != nil {
		t.Errorf("the tracer inside does not get ready: %v", err)
	} else {
		a := newActor()
		a.unshare(unix.CLONE_NEWUTS)
		a.clone(unix.CLONE_NEWIPC|sigchld, nil)
		a.Run(t, callscript.Options{Name: outside})
	}
	stdin.Close()
	if err := <-done; err != nil {
		t.Errorf("the tracer inside: %v", err)
	}
}

// traceNested is what the process in the PID namespace does.
func traceNested(t *testing.T, outside string) {
	if os.Getpid() != 1 {
		t.Fatalf("PID %d, want 1", os.Getpid())
	}
	if err := unix.Mount("", "/", "", unix.MS_PRIVATE|unix.MS_REC, ""); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		t.Fatal(err)
	}
	s := open(t, trace.Options{})
	inside := visit(false)
	run := inside.Start(t, callscript.Options{Name: "inside"})
	run.Paused()
	run.Go()
	if err := run.Wait(); err != nil {
		t.Fatal(err)
	}
	deeper := newActor()
	deeper.clone(unix.CLONE_NEWUTS|sigchld, nil)
	deep := deeper.Run(t, callscript.Options{Name: "deeper", Attr: &unix.SysProcAttr{Cloneflags: unix.CLONE_NEWPID}})

	if _, err := os.NewFile(3, "").WriteString("\n"); err != nil {
		t.Fatal(err)
	}
	_, _ = os.Stdin.Read(make([]byte, 1)) // until it is closed
	events := s.all()
	demand(t, of(events, run.PID), inside.expected(run, "inside"))

	want := deeper.expected(deep, "deeper")
	e := one(t, of(events, deep.PID))
	if e.Ret != 2 || e.Child <= deep.PID {
		t.Errorf("a clone of process %d returned %d, and made %d; want the number that the caller sees, 2, and ours", deep.PID, e.Ret, e.Child)
	}
	want[0].Child = e.Child
	demand(t, []trace.Event{e}, want)

	var theirs []trace.Event
	for _, e := range of(events, 0) {
		if e.Comm == outside {
			theirs = append(theirs, e)
		}
	}
	if len(theirs) != 2 || theirs[0].Call != trace.Unshare || theirs[1].Call != trace.Clone {
		t.Fatalf("of those outside: %+v", theirs)
	}
	for _, e := range theirs {
		if e.PID != 0 || e.TID != 0 || e.PPID != 0 || e.Child != 0 || e.Failed() || e.From == e.To {
			t.Errorf("of one outside: %s", describe(e))
		}
	}
	s.lostNothing()
}
