// SPDX-License-Identifier: Apache-2.0

// Command kernels runs the privileged tests on other kernels, which QEMU emulates:
//
//	go run ./test/kernels                        # every amd64 kernel, about six minutes
//	go run ./test/kernels -kernels 5.10,7.3      # some of them
//	go run ./test/kernels -kernels 6.1-arm64     # the other architecture
//	go run ./test/kernels -kernels 7.3 -suites pkg/trace -tests TestThree   # some of the tests
//	go run ./test/kernels -kernels 5.10 -run 'nsinspect list'   # by hand
//	go run ./test/kernels -write                 # also write what was expected anew
//	go run ./test/kernels -docs                  # write the table of docs/kernels.md, without a run
//
// The kernels are Debian's, fetched by apt into the user's cache directory. Each
// boots with the test binaries of the table suites (build.go), and with a probe
// that returns what the kernel offers and what each engine finds on it.
//
// What each kernel cannot do is written down in expected/: a line that is not
// there, a skipped test that is not, a missing one too, fails the run, as do a
// panic of the kernel and a test that hangs. A run of every amd64 kernel fails, too,
// unless each feature that a machine may lack (need.Features) was proven on one.
package main
