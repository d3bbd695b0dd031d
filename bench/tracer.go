// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// tracer is a program that records calls.
type tracer struct {
	name  string
	argv  []string
	file  string // its standard output; "" where it writes one itself
	ready string // what that has once it looks; "" waits a second
	calls int    // of the loop that it is measured with
	on    func(t *tracer, pid int)
}

// start runs the tracer until it looks. stop ends it.
func (t tracer) start(ctx context.Context, pid int) (stop func() error, err error) {
	cmd, err := t.launch(ctx, pid)
	if err != nil {
		return nil, err
	}
	stop = func() error {
		return errors.Join(cmd.Process.Signal(unix.SIGINT), ignoreExit(cmd.Wait()))
	}
	if err := t.await(); err != nil {
		return nil, errors.Join(err, stop())
	}
	return stop, nil
}

func (t tracer) launch(ctx context.Context, pid int) (*exec.Cmd, error) {
	if t.on != nil {
		t.on(&t, pid)
	}
	cmd := exec.CommandContext(ctx, t.argv[0], t.argv[1:]...)
	cmd.WaitDelay = 10 * time.Second
	if t.file != "" {
		f, err := os.Create(t.file)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		cmd.Stdout = f
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", t.name, err)
	}
	return cmd, nil
}

// await waits until the tracer is ready.
func (t tracer) await() error {
	if t.ready == "" {
		time.Sleep(time.Second)
		return nil
	}
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(500 * time.Microsecond) {
		if text, err := os.ReadFile(t.file); err != nil || bytes.Contains(text, []byte(t.ready)) {
			return err
		}
	}
	return fmt.Errorf("%s does not get ready", t.name)
}

func ignoreExit(err error) error {
	if errors.As(err, new(*exec.ExitError)) {
		return nil
	}
	return err
}

// startAndStop returns how long the tracer takes from exec until it looks, and
// from SIGINT until it has gone, in ms.
func startAndStop(ctx context.Context, t tracer) (ready, gone float64, err error) {
	begin := time.Now()
	stop, err := t.start(ctx, os.Getpid())
	if err != nil {
		return 0, 0, err
	}
	ready = time.Since(begin).Seconds() * 1000
	time.Sleep(200 * time.Millisecond)
	begin = time.Now()
	err = stop()
	return ready, time.Since(begin).Seconds() * 1000, err
}

// idle returns which part of a CPU the tracer takes where nothing happens, in
// percent, and how much memory it has had at most.
func idle(ctx context.Context, t tracer, during time.Duration) (cpu, peakMiB float64, err error) {
	cmd, err := t.launch(ctx, os.Getpid())
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, cmd.Process.Signal(unix.SIGINT), ignoreExit(cmd.Wait())) }()
	if err := t.await(); err != nil {
		return 0, 0, err
	}
	time.Sleep(time.Second) // its start is over
	before, err := cpuTime(cmd.Process.Pid)
	if err != nil {
		return 0, 0, err
	}
	time.Sleep(during)
	after, err := cpuTime(cmd.Process.Pid)
	if err != nil {
		return 0, 0, err
	}
	peakMiB, err = peakOf(cmd.Process.Pid)
	return 100 * (after - before).Seconds() / during.Seconds(), peakMiB, err
}

// cpuTime is what all threads of a process have run, from /proc/PID/task/TID/schedstat,
// which counts in ns.
func cpuTime(pid int) (time.Duration, error) {
	dir := fmt.Sprintf("/proc/%d/task", pid)
	tasks, err := os.ReadDir(dir)
	if err != nil {
		return 0, err
	}
	var sum int64
	for _, task := range tasks {
		text, err := os.ReadFile(dir + "/" + task.Name() + "/schedstat")
		if err != nil {
			return 0, err
		}
		ran, _, _ := strings.Cut(string(text), " ")
		n, err := strconv.ParseInt(ran, 10, 64)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return time.Duration(sum), nil
}

func peakOf(pid int) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0, errors.New("no VmHWM in /proc/PID/status")
	}
	kib, err := strconv.ParseFloat(fields[0], 64)
	return kib / 1024, err
}
