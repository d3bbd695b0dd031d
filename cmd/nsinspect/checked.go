// SPDX-License-Identifier: Apache-2.0

package main

import "io"

// checked is an output that remembers its first error: cobra does not return those of a
// help text.
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
