// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/explain"
)

// leastFiles is how many descriptors a scan may need at once. With fewer, what could not be
// opened for their lack would look like a fact about the machine, and the Go runtime ends
// with a dump where it cannot poll.
const leastFiles = 64

// checkFiles returns an error if this process may not open enough files. The Go runtime has
// raised the soft limit to the hard one.
func checkFiles() error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil || limit.Cur >= leastFiles {
		return nil // unknown, or enough
	}
	return explain.WithHint(fmt.Errorf("out of file descriptors: at most %d may be open, and %d are needed", limit.Cur, leastFiles), "raise ulimit -n")
}

// checked is an output that remembers its first error: cobra does not return those of a
// help text. A standard descriptor that was closed is /dev/null by now: the Go runtime opens
// it (runtime, checkfds, 1.26), so that no file of ours becomes one of them.
type checked struct {
	io.Writer
	err error
}

func (c *checked) Write(p []byte) (int, error) {
	n, err := c.Writer.Write(p)
	if err != nil && c.err == nil {
		c.err = err
	}
	return n, err
}
