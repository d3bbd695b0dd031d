// SPDX-License-Identifier: Apache-2.0

package startup

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"testing"
	"unsafe"

	"github.com/nsinspect/nsinspect/internal/need"
)

// What the program allocates next lies in memory that huge pages are asked for, at the
// beginning of one.
func TestHeapAsksForHugePages(t *testing.T) {
	if _, err := os.Stat("/sys/kernel/mm/transparent_hugepage"); err != nil {
		need.Missing(t, "needs a kernel with transparent huge pages")
	}
	here := make([]byte, from)
	at := uintptr(unsafe.Pointer(&here[0]))
	low, high := advised(t, at)
	if low%hugePage != 0 || high-low < room {
		t.Errorf("huge pages are asked for from %#x to %#x, want %#x bytes and more from a multiple of %#x", low, high, room, hugePage)
	}
}

// advised returns the mapping with an address, which must be one that huge pages are asked
// for.
func advised(t *testing.T, at uintptr) (low, high uintptr) {
	t.Helper()
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line := lines.Text()
		if flags, ok := strings.CutPrefix(line, "VmFlags:"); ok && low <= at && at < high {
			if !strings.Contains(flags+" ", " hg ") {
				t.Errorf("the heap at %#x has the flags%s, without hg", at, flags)
			}
			return low, high
		}
		if from, to := uintptr(0), uintptr(0); strings.Contains(line, "-") {
			if n, _ := fmt.Sscanf(line, "%x-%x ", &from, &to); n == 2 {
				low, high = from, to
			}
		}
	}
	t.Fatalf("no mapping with %#x", at)
	return 0, 0
}
