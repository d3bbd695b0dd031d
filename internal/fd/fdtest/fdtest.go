// SPDX-License-Identifier: Apache-2.0

// Package fdtest fails a test binary that leaves file descriptors open.
package fdtest

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/nsinspect/nsinspect/internal/fd"
)

// Run runs the tests and returns the exit status for TestMain: 1 if a test failed or
// an fd.FD that was made meanwhile is open at the end, with where it was made.
func Run(m *testing.M) int {
	fd.Track()
	status := m.Run()
	for _, stack := range leaks() {
		fmt.Fprintf(os.Stderr, "file descriptor left open, made by %s\n", stack)
		status = max(status, 1)
	}
	return status
}

// leaks returns where descriptors that stay open were made. A lookup that the code
// stopped waiting for closes its own when it ends, which is not long after the tests.
func leaks() []string {
	const limit = 10 * time.Second
	for end := time.Now().Add(limit); len(fd.Leaks()) > 0 && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	return fd.Leaks()
}
