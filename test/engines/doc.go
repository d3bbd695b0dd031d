// SPDX-License-Identifier: Apache-2.0

// Package engines holds the two engines of a scan, proc and bpf, against scenes
// that are known and against each other.
//
//	go test ./test/engines            # as root; about two minutes
//
// Every test checks that the kernel's own list of network namespaces is at its
// end what it was before (kernel_test.go).
package engines
