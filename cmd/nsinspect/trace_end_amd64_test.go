// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/callscript"
	"github.com/nsinspect/nsinspect/internal/need"
)

func endCalls() int {
	if *full {
		return 200_000
	}
	return 20_000
}

// endBuffers are sizes for --buffer, in bytes.
func endBuffers() (sizes []int) {
	if !*full {
		return []int{4 << 10, 256 << 10, 16 << 20}
	}
	for size := 4 << 10; size <= 64<<20; size *= 2 {
		sizes = append(sizes, size)
	}
	return sizes
}

// TestEndSlowReader has a pipe read only after SIGINT or SIGTERM, slowly.
func TestEndSlowReader(t *testing.T) {
	rate := 20 << 20
	if *full {
		rate = 1_000_000
	}
	for i, size := range endBuffers() {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			x := startTraced(t, nil, "--buffer", fmt.Sprint(size))
			x.flood()
			begin := time.Now()
			x.signal([]os.Signal{unix.SIGINT, unix.SIGTERM}[i%2])
			out := x.readAll(rate)
			x.exits(t, 0)
			got := x.outcome(out)
			t.Logf("%d written, %d lost, %v after the signal", got.written, got.lost, time.Since(begin).Round(time.Millisecond))
			if !got.ended || got.written+got.lost != x.calls || got.written == 0 {
				t.Errorf("%+v of %d calls; stderr: %s", got, x.calls, x.stderr())
			}
			if noted := x.noted(); noted.written != got.written || noted.lost != got.lost {
				t.Errorf("stderr has %+v, stdout %+v", noted, got)
			}
		})
	}
}

// TestEndSignals has all be written that came before a signal, also the one of a terminal that is
// closed and that of Ctrl-\.
func TestEndSignals(t *testing.T) {
	for _, sig := range []unix.Signal{unix.SIGHUP, unix.SIGQUIT} {
		t.Run(unix.SignalName(sig), func(t *testing.T) {
			defaultsBelow(t, sig)
			x := startTraced(t, nil)
			x.flood()
			x.signal(sig)
			out := x.readAll(0)
			x.exits(t, 0)
			if got := x.outcome(out); !got.ended || got.written+got.lost != x.calls || got.written == 0 {
				t.Errorf("%+v of %d calls; stderr: %.300s", got, x.calls, x.stderr())
			}
		})
	}
}

// TestEndUnread has nobody read: it ends, and what was lost is on stderr. What the
// pipe took is whole lines.
func TestEndUnread(t *testing.T) {
	for _, size := range endBuffers() {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			x := startTraced(t, nil, "--buffer", fmt.Sprint(size))
			// Less room than for what is in the smallest buffer.
			if _, err := unix.FcntlInt(x.stdout.Fd(), unix.F_SETPIPE_SZ, 4096); err != nil {
				t.Fatal(err)
			}
			x.flood()
			begin := time.Now()
			x.signal(unix.SIGINT)
			x.exits(t, exitFailed)
			t.Logf("ended %v after SIGINT", time.Since(begin).Round(time.Millisecond))
			x.checkUnread(t)
		})
	}
}

// checkUnread checks that stderr accounts for all calls, and that what is still in
// the pipe is the whole lines that it calls written.
func (x *traced) checkUnread(t *testing.T) {
	t.Helper()
	noted, got := x.noted(), x.outcome(x.readAll(0))
	if noted.written+noted.lost != x.calls || noted.lost == 0 || got.written != noted.written {
		t.Errorf("stderr has %+v, the pipe %+v, of %d calls: %s", noted, got, x.calls, x.stderr())
	}
}

// TestEndUnreadStderr has stdout and stderr be one pipe that nobody reads.
func TestEndUnreadStderr(t *testing.T) {
	x := startTraced(t, func(cmd *exec.Cmd) { cmd.Stderr = cmd.Stdout })
	x.flood()
	x.signal(unix.SIGINT)
	x.exitsAnyhow(t)
}

// TestEndSecondSignal has a second signal come while a slow reader reads: it ends at
// once.
func TestEndSecondSignal(t *testing.T) {
	x := startTraced(t, nil)
	x.flood()
	x.signal(unix.SIGINT)
	again := make(chan struct{})
	go func() {
		for {
			select {
			case <-again:
				return
			case <-time.After(50 * time.Millisecond):
				_ = x.cmd.Process.Signal(unix.SIGINT) // it may have ended
			}
		}
	}()
	out := x.readAll(200_000) // all of it would take a minute
	close(again)
	x.exits(t, exitFailed)
	got, noted := x.outcome(out), x.noted()
	if noted.written+noted.lost != x.calls || noted.lost == 0 || got.written != noted.written {
		t.Errorf("stderr has %+v, stdout %+v, of %d calls: %s", noted, got, x.calls, x.stderr())
	}
}

// TestEndHead has the reader go after one line: it ends as programs do whose pipe is
// closed.
func TestEndHead(t *testing.T) {
	need.Program(t, "head")
	for _, size := range endBuffers() {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			x := startTraced(t, nil, "--buffer", fmt.Sprint(size))
			x.flood()
			head := exec.Command("head", "-n", "1")
			head.Stdin = x.stdout
			if out, err := head.Output(); err != nil || len(out) == 0 {
				t.Fatalf("head: %v: %q", err, out)
			}
			x.stdout.Close()
			if status := x.exitsAnyhow(t); !status.Signaled() || status.Signal() != unix.SIGPIPE {
				t.Errorf("status %v, want SIGPIPE", status)
			}
			if noted := x.noted(); noted.written+noted.lost != x.calls || noted.lost == 0 {
				t.Errorf("stderr has %+v of %d calls: %s", noted, x.calls, x.stderr())
			}
		})
	}
}

// TestEndTerminal has a terminal whose output is stopped, as ^S does.
func TestEndTerminal(t *testing.T) {
	master, slave := openTerminal(t)
	x := startTraced(t, func(cmd *exec.Cmd) { cmd.Stdout = slave })
	if err := unix.IoctlSetInt(int(slave.Fd()), unix.TCXONC, unix.TCOOFF); err != nil {
		t.Fatal(err)
	}
	x.flood()
	x.signal(unix.SIGINT)
	x.exits(t, exitFailed)
	if noted := x.noted(); noted.written+noted.lost != x.calls || noted.lost == 0 {
		t.Errorf("stderr has %+v of %d calls: %s", noted, x.calls, x.stderr())
	}
	master.Close()
}

// TestEndFullDisk has --to on a file system of 64 KiB, most of it full: the file
// ends with a whole line.
func TestEndFullDisk(t *testing.T) {
	need.Program(t, "unshare", "mount", "sh", "head")
	dir := t.TempDir()
	for _, size := range endBuffers() {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			events := filepath.Join(dir, "events")
			x := startTraced(t, func(cmd *exec.Cmd) {
				// The file goes to stdout afterwards: nobody else sees the file system.
				cmd.Args = append([]string{
					"unshare", "-m", "--propagation", "private", "sh", "-c",
					`mount -t tmpfs -o size=64k none "$0" && head -c 60k /dev/zero >"$0/full" && { "$@"; status=$?; cat "$0/events"; exit $status; }`, dir,
				}, cmd.Args...)
			}, "--buffer", fmt.Sprint(size), "--to", events)
			x.stopped(x.flood)
			out := x.readAll(0)
			x.exits(t, exitFailed)
			got, noted := x.outcome(out), x.noted()
			if noted.written+noted.lost != x.calls || noted.lost == 0 || got.written != noted.written {
				t.Errorf("stderr has %+v, the file %+v, of %d calls: %s", noted, got, x.calls, x.stderr())
			}
		})
	}
}

// TestEndDuration and TestEndCount have it not run while the calls are made, so that
// all of them come before the end.
func TestEndDuration(t *testing.T) {
	x := startTraced(t, nil, "--duration", "3s")
	x.stopped(x.flood)
	got := x.outcome(x.readAll(20 << 20))
	x.exits(t, 0)
	if !got.ended || got.written+got.lost != x.calls {
		t.Errorf("%+v of %d calls; stderr: %s", got, x.calls, x.stderr())
	}
}

func TestEndCount(t *testing.T) {
	for _, size := range endBuffers() {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			x := startTraced(t, nil, "--buffer", fmt.Sprint(size), "--count", "3")
			x.stopped(x.flood)
			got := x.outcome(x.readAll(0))
			x.exits(t, 0)
			if !got.ended || got.written != 3 || got.written+got.lost+got.after != x.calls || got.after == 0 {
				t.Errorf("%+v of %d calls; stderr: %s", got, x.calls, x.stderr())
			}
		})
	}
}

// TestEndCommand has a pipe be read only once the COMMAND has made all its calls.
func TestEndCommand(t *testing.T) {
	needTrace(t)
	for _, size := range endBuffers() {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			fifo := filepath.Join(t.TempDir(), "events")
			if err := unix.Mkfifo(fifo, 0o600); err != nil {
				t.Fatal(err)
			}
			fd, err := unix.Open(fifo, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
			if err != nil {
				t.Fatal(err)
			}
			events := os.NewFile(uintptr(fd), fifo)
			defer events.Close()
			s := callscript.New()
			s.Loop(endCalls(), func() { s.Call(unix.SYS_SETNS, callscript.FirstFile, unix.CLONE_NEWNET) })
			s.Pause()
			run := s.Start(t, callscript.Options{Name: "drained", Files: []*os.File{ownNet(t)}, Under: []string{
				program(t), "trace", "--syscalls", "--comm", "drained", "-o", "json", "--buffer", fmt.Sprint(size), "--to", fifo, "--",
			}})
			run.Paused()
			run.Go()
			out, err := io.ReadAll(throttled{events, 20 << 20})
			if err != nil {
				t.Fatal(err)
			}
			if err := run.Wait(); err != nil {
				t.Error(err)
			}
			if got := parseOutcome(t, out); !got.ended || got.written+got.lost != endCalls() {
				t.Errorf("%+v of %d calls", got, endCalls())
			}
		})
	}
}
