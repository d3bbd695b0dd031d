// SPDX-License-Identifier: Apache-2.0

package runtimes

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// daemon is a running program of a home that is ended when its test
// process ends.
type daemon struct {
	name string
	log  string
	cmd  *exec.Cmd
	done chan struct{} // closed once it is reaped
}

// startDaemon starts a program and has it stopped when the test ends; if the
// test failed, with the end of its log.
func startDaemon(t testing.TB, h *home, name string, args ...string) *daemon {
	t.Helper()
	d := &daemon{name: name, log: h.path(name + ".log"), done: make(chan struct{})}
	log, err := os.Create(d.log)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	d.cmd = exec.Command(name, args...)
	d.cmd.Env, d.cmd.Dir, d.cmd.Stdout, d.cmd.Stderr = h.environ(), h.dir, log, log
	d.cmd.SysProcAttr = &unix.SysProcAttr{Setpgid: true, Pdeathsig: unix.SIGTERM}
	started := make(chan error)
	go func() {
		// The signal comes when the thread that forked ends (prctl(2)), so that
		// thread is this daemon's alone.
		runtime.LockOSThread()
		err := d.cmd.Start()
		started <- err
		if err == nil {
			_ = d.cmd.Wait()
			close(d.done)
		}
	}()
	if err := <-started; err != nil {
		t.Fatalf("start %s: %v", name, err)
	}
	t.Cleanup(func() {
		d.stop(t)
		if t.Failed() {
			t.Logf("%s", d.tail())
		}
	})
	return d
}

// waitFor polls until ready, for at most 30 seconds.
func (d *daemon) waitFor(t testing.TB, ready func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ready(); time.Sleep(20 * time.Millisecond) {
		if d.ended() || time.Now().After(end) {
			t.Fatalf("%s is not ready: %s", d.name, d.tail())
		}
	}
}

func (d *daemon) ended() bool {
	select {
	case <-d.done:
		return true
	default:
		return false
	}
}

// stop asks the daemon to end; what ignores that for 10 seconds is left to the
// sweep of the home.
func (d *daemon) stop(t testing.TB) {
	t.Helper()
	_ = d.cmd.Process.Signal(unix.SIGTERM)
	select {
	case <-d.done:
	case <-time.After(10 * time.Second):
		t.Logf("%s ignores SIGTERM", d.name)
	}
}

// tail is the end of the daemon's log.
func (d *daemon) tail() string {
	data, err := os.ReadFile(d.log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	return d.name + " printed:\n" + strings.Join(lines[max(0, len(lines)-25):], "\n")
}

// accepts reports whether a unix socket has a listener.
func accepts(socket string) bool {
	c, err := net.Dial("unix", socket)
	if err == nil {
		c.Close()
	}
	return err == nil
}

// run runs a command of the home to its end and returns its trimmed output.
func (h *home) run(t testing.TB, env []string, stdin []byte, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	var stdout, stderr bytes.Buffer
	cmd.Env, cmd.Dir, cmd.Stdin = h.environ(env...), h.dir, bytes.NewReader(stdin)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.WaitDelay = time.Second // conmon may keep the pipes
	if err := cmd.Run(); err != nil {
		t.Fatal(fmt.Errorf("run %s %s: %w: %s", filepath.Base(name), strings.Join(args, " "), err, stderr.Bytes()))
	}
	return strings.TrimSpace(stdout.String())
}
