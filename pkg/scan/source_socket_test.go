// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// A descriptor that was a socket when it was listed, and is another file when it is
// borrowed, is as one that was closed: no gap.
func TestSocketThatWasReplaced(t *testing.T) {
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	h, err := OpenHost("/")
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	b := borrower{w: &worker{walk: &walk{host: h}, cookies: map[uint64]uint64{}}, pid: os.Getpid(), pidfds: map[int]int{}}
	defer b.close()
	if _, _, err := b.inspect(openFile{fd: int(file.Fd()), kind: socketFile}); !errors.Is(err, unix.EBADF) {
		t.Errorf("got %v, want %v", err, unix.EBADF)
	}
}
