// SPDX-License-Identifier: Apache-2.0

package need

import (
	"fmt"
	"testing"

	"github.com/nsinspect/nsinspect/internal/kernel"
)

// Kernel needs a Linux of at least this version, for what it brought. What each
// kernel is expected to lack is written down in test/kernels/expected.
func Kernel(t testing.TB, major, minor int, brought string) {
	t.Helper()
	if !KernelIs(t, major, minor) {
		Missing(t, fmt.Sprintf("needs Linux %d.%d, which brought %s", major, minor, brought))
	}
}

// KernelIs reports whether the kernel is of this version or newer.
func KernelIs(t testing.TB, major, minor int) bool {
	t.Helper()
	running := kernel.Running()
	if running == (kernel.Release{}) {
		t.Fatalf("no kernel version in %q", kernel.ReleaseName())
	}
	return running.AtLeast(major, minor)
}
