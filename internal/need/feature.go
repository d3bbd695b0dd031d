// SPDX-License-Identifier: Apache-2.0

package need

import (
	"slices"
	"strings"
	"testing"
)

// Feature is what no package to install gives a machine: it depends on the
// processor, the hypervisor and how the kernel was built.
type Feature string

// The features that tests use.
const (
	Code32 Feature = "32-bit code"     // int 0x80 and i386 programs
	Fentry Feature = "fentry programs" // BPF programs at kernel functions
	SCTP   Feature = "SCTP"            // CONFIG_IP_SCTP, its module loaded
)

// Features is the table of them, and so of what a test may skip even where
// NSINSPECT_REQUIRE=all. test/kernels fails unless each is proven on one of its
// kernels at least.
var Features = []Feature{Code32, Fentry, SCTP}

const (
	hasFeature   = "this machine has "
	lacksFeature = "this machine lacks "
)

// Has logs that the machine has the feature. A test that passes with this line in
// its log proves the feature there.
func (f Feature) Has(t testing.TB) {
	t.Helper()
	t.Log(hasFeature + string(f))
}

// Lacks skips the test, as the machine cannot have the feature for this reason.
func (f Feature) Lacks(t testing.TB, reason string) {
	t.Helper()
	t.Skip(lacksFeature + string(f) + ": " + reason)
}

// ParseLog returns which feature a line of a test's log is about, and whether the
// machine has it; ok is false for any other line.
func ParseLog(line string) (f Feature, has, ok bool) {
	if _, name, found := strings.Cut(line, hasFeature); found {
		f, has = Feature(strings.TrimSpace(name)), true
	} else if _, rest, found := strings.Cut(line, lacksFeature); found {
		name, _, _ := strings.Cut(rest, ": ")
		f = Feature(name)
	}
	return f, has, slices.Contains(Features, f)
}
