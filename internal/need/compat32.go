// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package need

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// Compat32 needs a machine that runs 32-bit code: 32-bit programs and, on amd64, int 0x80
// in a 64-bit one. It is probed once a process.
func Compat32(t testing.TB) {
	t.Helper()
	lack, err := compat32()
	switch {
	case err != nil:
		t.Fatalf("probe 32-bit code: %v", err)
	case lack != "":
		Code32.Lacks(t, lack)
	default:
		Code32.Has(t)
	}
}

var compat32 = sync.OnceValues(func() (string, error) { return probe32(probes32) })

// reached is the exit status of a probe that got through: no error number.
const reached = 200

// probe is a program that exits with the status reached where the machine runs it.
type probe struct {
	what string
	file []byte
}

// probe32 returns which of the probes the machine does not run, and how it shows,
// "" if it runs all. An error means that a probe itself did not work.
func probe32(probes []probe) (string, error) {
	dir, err := os.MkdirTemp("", "nsinspect-need-")
	if err != nil {
		return "", fmt.Errorf("make a directory: %w", err)
	}
	defer os.RemoveAll(dir)
	var lacks []string
	for i, p := range probes {
		path := filepath.Join(dir, fmt.Sprint(i))
		if err := writeProgram(path, p.file); err != nil {
			return "", err
		}
		lack, err := p.run(path)
		if err != nil {
			return "", fmt.Errorf("%s: %w", p.what, err)
		}
		if lack != "" {
			lacks = append(lacks, p.what+": "+lack)
		}
	}
	return strings.Join(lacks, ", "), nil
}

// writeProgram writes a file that can be executed at once: no process that is
// forked meanwhile has it open for writing (ETXTBSY).
func writeProgram(path string, file []byte) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := os.WriteFile(path, file, 0o700); err != nil {
		return fmt.Errorf("write a program: %w", err)
	}
	return nil
}

// run returns how the machine refuses to run the program, "" if it runs it.
func (p probe) run(path string) (string, error) {
	cmd := exec.Command(path)
	if err := startWithoutCore(cmd); errors.Is(err, unix.ENOEXEC) {
		return unix.ENOEXEC.Error(), nil
	} else if err != nil {
		return "", err
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); err != nil && !errors.As(err, &exit) {
		return "", fmt.Errorf("wait for the program: %w", err)
	}
	switch status := cmd.ProcessState.Sys().(syscall.WaitStatus); {
	case status.Exited() && status.ExitStatus() == reached:
		return "", nil
	case status.Exited() && status.ExitStatus() == int(unix.ENOSYS):
		return unix.ENOSYS.Error(), nil
	case status.Signaled() && (status.Signal() == unix.SIGSEGV || status.Signal() == unix.SIGILL || status.Signal() == unix.SIGSYS):
		return unix.SignalName(status.Signal()), nil
	}
	return "", fmt.Errorf("the program ended unexpectedly: %v", cmd.ProcessState)
}

// startWithoutCore starts a program whose crash writes no core file, and is
// reported to no program that collects them: a limit of 1 stands for that
// (do_coredump, fs/coredump.c, 6.18).
func startWithoutCore(cmd *exec.Cmd) error {
	var own unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &own); err != nil {
		return fmt.Errorf("read the limit of core files: %w", err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{Cur: min(1, own.Max), Max: own.Max}); err != nil {
		return fmt.Errorf("limit core files: %w", err)
	}
	return errors.Join(cmd.Start(), unix.Setrlimit(unix.RLIMIT_CORE, &own))
}
