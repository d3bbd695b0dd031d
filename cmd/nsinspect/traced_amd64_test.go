// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/callscript"
	"github.com/nsinspect/nsinspect/internal/need"
)

// endLimit is how long a trace may take to end whose output nobody reads.
const endLimit = 5 * time.Second

// traced is `nsinspect trace -o json` of one process that calls setns.
type traced struct {
	t      *testing.T
	cmd    *exec.Cmd
	stdout *os.File
	run    *callscript.Run
	calls  int
	ended  chan struct{}

	mu    sync.Mutex
	notes bytes.Buffer
}

func needTrace(t *testing.T) {
	t.Helper()
	need.Root(t)
	if !mayTrace() {
		need.Missing(t, "needs to trace")
	}
}

func ownNet(t *testing.T) *os.File {
	t.Helper()
	f, err := os.Open("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// startTraced starts a trace and the process that it is of, which is paused. change
// may change the trace's command. Its stdout is a pipe that nobody reads yet.
func startTraced(t *testing.T, change func(*exec.Cmd), args ...string) *traced {
	t.Helper()
	needTrace(t)
	x := &traced{t: t, calls: endCalls(), ended: make(chan struct{})}
	name := fmt.Sprintf("end%d", os.Getpid())
	s := callscript.New()
	s.Pause()
	s.Loop(x.calls, func() { s.Call(unix.SYS_SETNS, callscript.FirstFile, unix.CLONE_NEWNET) })
	x.run = s.Start(t, callscript.Options{Name: name, Files: []*os.File{ownNet(t)}})
	x.run.Paused()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	x.stdout = r
	x.cmd = exec.Command(program(t), append([]string{"trace", "--syscalls", "-v", "-o", "json", "--comm", name}, args...)...)
	x.cmd.Stdout = w
	ready := make(chan struct{})
	stderr, err := x.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	x.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	x.start(change, stderr, ready)
	w.Close()
	x.awaitReady(ready)
	return x
}

// awaitReady waits until the trace runs: its tier is on stderr, or the start record
// in the pipe.
func (x *traced) awaitReady(ready <-chan struct{}) {
	x.t.Helper()
	limit := time.After(time.Minute)
	for {
		if n, err := unix.IoctlGetInt(int(x.stdout.Fd()), unix.TIOCINQ); err == nil && n > 0 {
			return
		}
		select {
		case <-ready:
			return
		case <-x.ended:
			x.t.Fatalf("it ended early: %s", x.stderr())
		case <-limit:
			x.t.Fatal("it does not get ready")
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// start starts the command; ready is closed when it traces.
func (x *traced) start(change func(*exec.Cmd), stderr io.ReadCloser, ready chan struct{}) {
	x.t.Helper()
	if change != nil {
		change(x.cmd)
		if path, err := exec.LookPath(x.cmd.Args[0]); err == nil {
			x.cmd.Path = path
		}
	}
	if err := x.cmd.Start(); err != nil {
		x.t.Fatal(err)
	}
	go func() {
		x.collect(stderr, ready)
		_ = x.cmd.Wait() // ProcessState has it
		close(x.ended)
	}()
	x.t.Cleanup(func() {
		_ = x.cmd.Process.Kill()
		<-x.ended
	})
}

// collect keeps what comes on stderr.
func (x *traced) collect(stderr io.Reader, ready chan<- struct{}) {
	buf := make([]byte, 4096)
	for seen := false; ; {
		n, err := stderr.Read(buf)
		x.mu.Lock()
		x.notes.Write(buf[:n])
		now := strings.Contains(x.notes.String(), "nsinspect: tier ")
		x.mu.Unlock()
		if now && !seen {
			seen = true
			close(ready)
		}
		if err != nil {
			return // EOF, or closed by Wait
		}
	}
}

func (x *traced) stderr() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.notes.String()
}

// flood has all calls made.
func (x *traced) flood() {
	x.t.Helper()
	x.run.Go()
	if err := x.run.Wait(); err != nil {
		x.t.Fatal(err)
	}
}

// pid returns the PID of nsinspect, which may run below a shell.
func (x *traced) pid() int {
	x.t.Helper()
	pid := x.cmd.Process.Pid
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		x.t.Fatal(err)
	}
	if fields := strings.Fields(string(text)); len(fields) > 0 {
		if pid, err = strconv.Atoi(fields[0]); err != nil {
			x.t.Fatal(err)
		}
	}
	return pid
}

// stopped runs a function while nsinspect is stopped.
func (x *traced) stopped(f func()) {
	x.t.Helper()
	pid := x.pid()
	if err := unix.Kill(pid, unix.SIGSTOP); err != nil {
		x.t.Fatal(err)
	}
	for limit := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			x.t.Fatal(err)
		}
		if _, state, _ := strings.Cut(string(text), ") "); strings.HasPrefix(state, "T") {
			break
		}
		if time.Now().After(limit) {
			x.t.Fatal("it does not stop")
		}
	}
	f()
	if err := unix.Kill(pid, unix.SIGCONT); err != nil {
		x.t.Fatal(err)
	}
}

func (x *traced) signal(s os.Signal) {
	x.t.Helper()
	if err := x.cmd.Process.Signal(s); err != nil {
		x.t.Fatal(err)
	}
}

// exits checks that it ends in time, with a status.
func (x *traced) exits(t *testing.T, status int) {
	t.Helper()
	if got := x.exitsAnyhow(t); !got.Exited() || got.ExitStatus() != status {
		t.Errorf("wait status %#x, want exit status %d; stderr: %s", int(got), status, x.stderr())
	}
}

func (x *traced) exitsAnyhow(t *testing.T) syscall.WaitStatus {
	t.Helper()
	select {
	case <-x.ended:
	case <-time.After(endLimit):
		t.Fatalf("still there after %v; stderr: %s", endLimit, x.stderr())
	}
	return x.cmd.ProcessState.Sys().(syscall.WaitStatus)
}
