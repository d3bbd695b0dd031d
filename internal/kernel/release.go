// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Release is the version of a kernel. The zero Release is an unknown one. Some
// distributions' kernels can do more than their number promises.
type Release struct{ Major, Minor int }

// ParseRelease reads a release as uname -r prints it, "6.18.44-1-amd64". It reports
// false for what does not begin with two numbers.
func ParseRelease(text string) (Release, bool) {
	var r Release
	if _, err := fmt.Sscanf(text, "%d.%d", &r.Major, &r.Minor); err != nil {
		return Release{}, false
	}
	return r, true
}

// ReleaseName returns the release of the running kernel, as uname -r prints it.
func ReleaseName() string {
	var uts unix.Utsname
	if unix.Uname(&uts) != nil {
		return "" // cannot happen: uname fails only for a bad address
	}
	return unix.ByteSliceToString(uts.Release[:])
}

// Running returns the release of the running kernel, zero if it is unknown.
func Running() Release {
	r, _ := ParseRelease(ReleaseName())
	return r
}

// AtLeast reports whether the kernel is of a version or newer; an unknown one is not.
func (r Release) AtLeast(major, minor int) bool {
	return r != Release{} && (r.Major > major || r.Major == major && r.Minor >= minor)
}

// Before reports whether the kernel is older than a version; an unknown one is not.
func (r Release) Before(major, minor int) bool {
	return r != Release{} && !r.AtLeast(major, minor)
}
