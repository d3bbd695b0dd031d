// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// ExplainBPF returns the error of a refused BPF system call with its cause, as far
// as that is known: kernel lockdown instead of what the verifier found missing
// (kernel/bpf/helpers.c, bpf_base_func_proto, 5.10: the helpers that read kernel
// memory are not there), or the capabilities that the calling thread lacks. Other
// errors are returned as they are.
func ExplainBPF(err error) error {
	if (errors.Is(err, unix.EPERM) || errors.Is(err, unix.EINVAL)) && lockedDown() {
		return errors.New("kernel lockdown (confidentiality) lets no BPF program read the kernel's memory")
	}
	if !errors.Is(err, unix.EPERM) {
		return err
	}
	if missing := MissingBPFCapabilities(); missing != "" {
		return fmt.Errorf("needs %s: %w", missing, unix.EPERM)
	}
	return fmt.Errorf("not allowed although CAP_BPF and CAP_PERFMON are held (in a user namespace, by kernel lockdown, or before Linux 5.11 for want of CAP_SYS_RESOURCE): %w", unix.EPERM)
}

// lockedDown reports whether the kernel keeps its memory from everybody.
func lockedDown() bool {
	text, err := os.ReadFile("/sys/kernel/security/lockdown")
	return err == nil && strings.Contains(string(text), "[confidentiality]")
}

// MissingBPFCapabilities names what the calling thread lacks of CAP_BPF and
// CAP_PERFMON, for either of which CAP_SYS_ADMIN is enough (bpf_capable and
// perfmon_capable, include/linux/capability.h, 5.8); "" if nothing.
func MissingBPFCapabilities() string {
	if HasCapability(unix.CAP_SYS_ADMIN) {
		return ""
	}
	var missing []string
	if !HasCapability(unix.CAP_BPF) {
		missing = append(missing, "CAP_BPF")
	}
	if !HasCapability(unix.CAP_PERFMON) {
		missing = append(missing, "CAP_PERFMON")
	}
	return strings.Join(missing, " and ")
}
