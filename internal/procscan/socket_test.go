// SPDX-License-Identifier: Apache-2.0

package procscan

import (
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// A descriptor that was a socket when it was listed, and is another file when it is
// borrowed, is as one that was closed: no gap.
func TestSocketThatWasReplaced(t *testing.T) {
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	h, err := host.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	b := duplicator{w: &Worker{walker: &walker{host: h}, cookies: map[uint64]uint64{}}, pid: ns.TaskID(os.Getpid()), pidfds: map[ns.TaskID]int{}}
	defer b.close()
	if _, _, err := b.inspect(openFile{fd: int(file.Fd()), kind: socketFile}); !errors.Is(err, unix.EBADF) {
		t.Errorf("got %v, want %v", err, unix.EBADF)
	}
}
