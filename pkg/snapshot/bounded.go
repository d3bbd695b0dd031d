// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
)

// What is read of a file at most. A stranger can write a small file that is large when it is
// not compressed, and is larger still in memory.
const (
	mostBytes   = 1 << 30
	mostObjects = 1 << 22
	mostSpaces  = 1 << 17 // namespaces
	mostOfOne   = 1 << 26 // bytes of one member or namespace
	mostInOne   = 1 << 19 // objects in it

	mostTexts    = 1 << 21 // that are there once: Write puts no more bytes of them aside
	mostMembers  = 1 << 21 // processes in all namespaces together
	mostExpanded = 1 << 28 // bytes of texts with marks
)

// bounded is a reader that ends with an error where there is too much.
type bounded struct {
	r              io.Reader
	bytes, objects int64
	one, inOne     int64 // of what is read now
	err            error
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	objects := int64(bytes.Count(p[:n], []byte{'{'}))
	b.bytes, b.one, b.objects, b.inOne = b.bytes+int64(n), b.one+int64(n), b.objects+objects, b.inOne+objects
	if b.bytes > mostBytes || b.objects > mostObjects || b.one > mostOfOne || b.inOne > mostInOne {
		b.err = errTooLarge
		return 0, b.err
	}
	if err == gzip.ErrChecksum || err == gzip.ErrHeader {
		b.err = fmt.Errorf("it is broken: %w", err)
	}
	return n, err
}

// next begins to count what is read next.
func (b *bounded) next() { b.one, b.inOne = 0, 0 }
