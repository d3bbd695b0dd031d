// SPDX-License-Identifier: Apache-2.0

package fd

import (
	"errors"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func openNull(t *testing.T) int {
	t.Helper()
	n, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestCloseTwice(t *testing.T) {
	n := openNull(t)
	f := New(n)
	if f.Int() != n || f.Check() != nil {
		t.Errorf("descriptor %d, want %d; %v", f.Int(), n, f.Check())
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	again := openNull(t) // the lowest free number, which is that one unless another was freed
	defer unix.Close(again)
	if err := f.Close(); err != nil {
		t.Errorf("the second Close: %v", err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(again, &st); err != nil {
		t.Errorf("the second Close closed another file: %v", err)
	}
	if f.Int() != -1 || !errors.Is(f.Check(), os.ErrClosed) {
		t.Errorf("closed: %d, %v", f.Int(), f.Check())
	}
}

func TestLeaks(t *testing.T) {
	Track()
	defer tracking.Store(false)
	f := New(openNull(t))
	if leaks := Leaks(); len(leaks) != 1 || !strings.Contains(leaks[0], "TestLeaks") {
		t.Errorf("leaks %q", leaks)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if leaks := Leaks(); len(leaks) != 0 {
		t.Errorf("leaks %q after Close", leaks)
	}
}
