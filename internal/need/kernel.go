// SPDX-License-Identifier: Apache-2.0

package need

import (
	"fmt"
	"testing"

	"golang.org/x/sys/unix"
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
	var uts unix.Utsname
	if err := unix.Uname(&uts); err != nil {
		t.Fatalf("read kernel version: %v", err)
	}
	var x, y int
	release := unix.ByteSliceToString(uts.Release[:])
	if _, err := fmt.Sscanf(release, "%d.%d", &x, &y); err != nil {
		t.Fatalf("read kernel version %q: %v", release, err)
	}
	return x > major || x == major && y >= minor
}
