// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// sample is one run of a program, from exec to exit.
type sample struct {
	Wall, CPU time.Duration
	RSS       int64         // peak, in bytes; see ownPeak
	Faults    int64         // minor page faults
	Loop      time.Duration // of a floor: the loop alone
}

// onAnyCore is the core of a contender that is not pinned.
const onAnyCore = -1

// measure runs a program once with its output in a file. Programs do not
// outlive the bench.
func measure(ctx context.Context, argv []string, core int, file string) (sample, error) {
	out, err := os.Create(file)
	if err != nil {
		return sample{}, err
	}
	defer out.Close()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	var stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = out, &stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // needs this thread to stay
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	start := time.Now()
	if err := startOn(core, cmd, &start); err != nil {
		return sample{}, err
	}
	err = cmd.Wait()
	s := sample{Wall: time.Since(start)}
	if err != nil {
		return s, fmt.Errorf("run %s: %w: %s", argv[0], err, firstLine(stderr.Bytes()))
	}
	usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	s.CPU = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	s.RSS, s.Faults = usage.Maxrss<<10, usage.Minflt
	return s, nil
}

// startOn starts a program on one core: the child inherits the mask of the
// thread that forks it. It sets start to just before the fork.
func startOn(core int, cmd *exec.Cmd, start *time.Time) error {
	if core != onAnyCore {
		var before, one unix.CPUSet
		if err := unix.SchedGetaffinity(0, &before); err != nil {
			return fmt.Errorf("read the thread's cores: %w", err)
		}
		one.Set(core)
		if err := unix.SchedSetaffinity(0, &one); err != nil {
			return fmt.Errorf("move to core %d: %w", core, err)
		}
		defer unix.SchedSetaffinity(0, &before)
	}
	*start = time.Now()
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	return nil
}

// ownPeak is this process's peak memory. No program that it starts can show
// less: the kernel counts the memory of the parent which the child shares until
// it calls exec (setmax_mm_hiwater_rss in fs/exec.c).
func ownPeak() int64 {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return u.Maxrss << 10
}

// build makes the nsinspect to measure, as it is released.
func build(ctx context.Context, dir string) (string, error) {
	program := filepath.Join(dir, "nsinspect")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w",
		"-o", program, "github.com/nsinspect/nsinspect/cmd/nsinspect")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build nsinspect: %w: %s", err, bytes.TrimSpace(out))
	}
	return program, nil
}

func firstLine(text []byte) string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
	return line
}
