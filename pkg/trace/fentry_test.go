// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package trace

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/need"
)

// fentryRefused returns why this kernel runs no BPF program at its functions, ""
// if it does: a program that does nothing is attached to a function that no tier
// uses. It needs CAP_BPF and CAP_PERFMON.
func fentryRefused(t *testing.T) string {
	t.Helper()
	var refused unix.Errno
	if err := attachFentry("commit_creds"); !errors.As(err, &refused) && err != nil {
		t.Fatalf("probe fentry: %v", err)
	}
	const notSupported = unix.Errno(524) // ENOTSUPP, include/linux/errno.h
	switch refused {
	case 0:
		return ""
	case unix.EPERM, unix.EINVAL, unix.EOPNOTSUPP, notSupported:
		return refused.Error()
	}
	t.Fatalf("probe fentry: %v", refused)
	return ""
}

func attachFentry(function string) error {
	prog, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Type: ebpf.Tracing, AttachType: ebpf.AttachTraceFEntry, AttachTo: function, License: "Dual MIT/GPL",
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()},
	})
	if err != nil {
		return fmt.Errorf("load a program that does nothing: %w", err)
	}
	defer prog.Close()
	attached, err := link.AttachTracing(link.TracingOptions{Program: prog})
	if err != nil {
		return fmt.Errorf("attach a program that does nothing: %w", err)
	}
	return attached.Close()
}

// needTier skips the test where this machine cannot have a tier, and fails it
// where the tier does not open though the machine can have it.
func needTier(t *testing.T, tier Tier, err error) {
	t.Helper()
	switch {
	case tier == 1 && typedPrograms(t):
		t.Fatalf("tier 1 does not open on Linux 5.11 or newer with BTF: %v", err)
	case tier == 2 && errors.Is(err, errNoFunction):
		need.Missing(t, "needs tier 2: "+err.Error())
	case tier == 2:
		if reason := fentryRefused(t); reason != "" {
			need.Fentry.Lacks(t, reason)
		}
		t.Fatalf("tier 2 does not open where fentry programs run: %v", err)
	}
	need.Missing(t, fmt.Sprintf("needs tier %d: %v", tier, err))
}

// typedPrograms reports whether tier 1 has to open here for root: on x86-64 from
// Linux 5.11 on, with BTF and unless the kernel is locked down to confidentiality.
func typedPrograms(t *testing.T) bool {
	t.Helper()
	if runtime.GOARCH != "amd64" || !need.KernelIs(t, 5, 11) {
		return false
	}
	if _, err := os.Stat("/sys/kernel/btf/vmlinux"); errors.Is(err, os.ErrNotExist) {
		return false
	} else if err != nil {
		t.Fatal(err)
	}
	lockdown, err := os.ReadFile("/sys/kernel/security/lockdown")
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return !strings.Contains(string(lockdown), "[confidentiality]")
}
