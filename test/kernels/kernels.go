// SPDX-License-Identifier: Apache-2.0

package main

import "slices"

// kernel is one kernel that is booted.
type kernel struct {
	name  string // as its column is called
	suite string // of Debian, which has it
	arch  string // as Go calls it

	options string   // for its command line
	few     []string // the suites to run; nil: all
	not     []string // suites that are not run
	parts   []suite  // suites of which some tests are run
}

var (
	none = []string{} // what is taken away shows in what modes prints

	// The other architecture is emulated at a third of the speed.
	ofArch = []string{"internal/bpfreader", "internal/callscript", "pkg/enter"}
	calls  = []suite{{dir: "pkg/trace", run: "^TestCallTable$"}}

	// between is for kernels between the oldest and the newest one: what differs from
	// kernel to kernel.
	between = []string{"internal/kernel", "internal/nsfs", "internal/bpfreader", "pkg/scan", "pkg/enter", "pkg/trace", "pkg/trace/lifecycle", "test/engines"}
	// commands start the program hundreds of times, two seconds each here: they run by
	// hand, with -suites.
	commands = "cmd/nsinspect"
)

var kernels = []kernel{
	{name: "5.10", suite: "bullseye", arch: "amd64", not: []string{commands}},
	{name: "6.1", suite: "bookworm", arch: "amd64", few: between},
	{name: "6.12", suite: "bookworm-backports", arch: "amd64", few: between},
	{name: "7.3", suite: "trixie-backports", arch: "amd64", not: []string{commands}, parts: []suite{{dir: commands, run: "TestScripts/trace-[^rt]|TestScripts/trace-real"}}}, // where threads are preempted in programs; not of files and terminals
	{name: "6.12-lockdown", suite: "bookworm-backports", arch: "amd64", options: "lockdown=confidentiality", few: none},
	{name: "6.1-notracefs", suite: "bookworm", arch: "amd64", options: "nsinspect.without=tracefs", few: none},
	{name: "6.1-arm64", suite: "bookworm", arch: "arm64", few: ofArch, parts: calls},
	{name: "7.3-arm64", suite: "trixie-backports", arch: "arm64", few: ofArch, parts: calls},
}

// wanted are the modules that tests need, as far as a kernel has them as modules:
// others are built in.
var wanted = []string{"tun", "macvtap", "veth", "unix_diag", "af_packet_diag", "inet_diag", "tcp_diag", "udp_diag", "dummy", "bridge", "overlay", "fuse", "sctp"}

// machine is how an architecture is emulated.
type machine struct {
	qemu    []string
	console string
	results string // the second serial port, as the guest has it
	port    string // and as QEMU has it
	image   []string
}

// machines by architecture. A processor with cmpxchg16b has 7.x take a path that
// QEMU 7.2 emulates wrongly; one with fast "rep movsb" has kernels copy byte by byte, in a
// loop that is emulated: tests take 1.4 times as long.
var machines = map[string]machine{
	"amd64": {
		qemu:    []string{"qemu-system-x86_64", "-machine", "q35,accel=tcg", "-cpu", "max,-cx16,-erms"},
		console: "ttyS0", results: "ttyS1", port: "isa-serial",
		image: []string{"boot/vmlinuz-*", "usr/lib/modules/*/vmlinuz"},
	},
	"arm64": {
		qemu:    []string{"qemu-system-aarch64", "-machine", "virt,accel=tcg", "-cpu", "cortex-a72"},
		console: "ttyAMA0", results: "ttyS0", port: "pci-serial",
		image: []string{"boot/vmlinuz-*", "usr/lib/modules/*/vmlinuz"},
	},
}

func kernelNamed(name string) (kernel, bool) {
	i := slices.IndexFunc(kernels, func(k kernel) bool { return k.name == name })
	if i < 0 {
		return kernel{}, false
	}
	return kernels[i], true
}

// suites returns those of all that run on a kernel.
func (k kernel) suites(all []suite) []suite {
	whole := slices.DeleteFunc(slices.Clone(all), func(s suite) bool {
		return slices.Contains(k.not, s.dir) || k.few != nil && !slices.Contains(k.few, s.dir)
	})
	return append(whole, k.parts...)
}
