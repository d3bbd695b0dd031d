// SPDX-License-Identifier: Apache-2.0

package main

import "slices"

// kernel is one kernel that is booted.
type kernel struct {
	name  string // as its column is called
	suite string // of Debian, which has it
	arch  string // as Go calls it
}

var kernels = []kernel{
	{"5.10", "bullseye", "amd64"},
	{"6.1", "bookworm", "amd64"},
	{"6.12", "bookworm-backports", "amd64"},
	{"7.3", "trixie-backports", "amd64"},
	{"6.1-arm64", "bookworm", "arm64"},
	{"7.3-arm64", "trixie-backports", "arm64"},
}

// wanted are the modules that tests need, as far as a kernel has them as modules:
// others are built in.
var wanted = []string{"tun", "veth", "unix_diag", "af_packet_diag", "inet_diag", "dummy", "bridge", "overlay"}

// machine says how an architecture is emulated.
type machine struct {
	qemu    []string
	console string
	results string // the second serial port, as the guest has it
	port    string // and as QEMU has it
	image   []string
	lib     string // of Debian's multiarch
}

// machines by architecture. A processor with cmpxchg16b has 7.x take a path that
// QEMU 7.2 emulates wrongly.
var machines = map[string]machine{
	"amd64": {
		qemu:    []string{"qemu-system-x86_64", "-machine", "q35,accel=tcg", "-cpu", "max,-cx16"},
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
