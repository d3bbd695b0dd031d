// SPDX-License-Identifier: Apache-2.0

// Package fdtest fails a test binary that leaves file descriptors open.
package fdtest

import (
	"fmt"
	"os"
	"testing"

	"github.com/nsinspect/nsinspect/internal/fd"
)

// Run runs the tests and returns the exit status for TestMain: 1 if a test failed or
// an fd.FD that was made meanwhile is open at the end, with where it was made.
func Run(m *testing.M) int {
	fd.Track()
	status := m.Run()
	for _, stack := range fd.Leaks() {
		fmt.Fprintf(os.Stderr, "file descriptor left open, made by %s\n", stack)
		status = max(status, 1)
	}
	return status
}
