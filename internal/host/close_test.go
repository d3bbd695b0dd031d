// SPDX-License-Identifier: Apache-2.0

package host

import (
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/fd/fdtest"
)

func TestMain(m *testing.M) { os.Exit(fdtest.Run(m)) }

// uses are methods of a host, each of which needs one of its directories.
func uses(h *Host) map[string]error {
	errs := map[string]error{}
	fd, err := h.Open("/proc", unix.O_PATH)
	if err == nil {
		unix.Close(fd)
	}
	errs["Open"] = err
	if fd, err = h.OpenProc("self/stat", unix.O_RDONLY); err == nil {
		unix.Close(fd)
	}
	errs["OpenProc"] = err
	t, err := h.OpenTree("/proc")
	if err == nil {
		t.Close()
	}
	errs["OpenTree"] = err
	_, errs["Readlink"] = h.Readlink("self")
	_, errs["ReadStat"] = h.ReadStat("self")
	_, errs["ReadFile"] = h.ReadFile("/proc/stat")
	_, _, errs["NamespaceAt"] = h.NamespaceAt("/proc/self/ns/net")
	return errs
}

func TestUseAfterClose(t *testing.T) {
	h, err := Open("/")
	if err != nil {
		t.Fatal(err)
	}
	for use, err := range uses(h) {
		if err != nil {
			t.Errorf("%s of an open host: %v", use, err)
		}
	}
	proc, root := h.ProcFD(), h.RootFD()
	for range 2 {
		if err := h.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for use, err := range uses(h) {
		if !errors.Is(err, os.ErrClosed) {
			t.Errorf("%s of a closed host: %v", use, err)
		}
	}
	for _, n := range []int{proc, root} {
		if _, err := unix.FcntlInt(uintptr(n), unix.F_GETFD, 0); err != unix.EBADF {
			t.Errorf("descriptor %d is still open: %v", n, err)
		}
	}
	if h.ProcFD() != -1 || h.RootFD() != -1 {
		t.Errorf("descriptors %d and %d of a closed host", h.ProcFD(), h.RootFD())
	}
}
