// SPDX-License-Identifier: Apache-2.0

package startup

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"unsafe"

	"github.com/nsinspect/nsinspect/internal/need"
)

// atStart is where a small slice lies that is made next to the heap's change, on the same thread.
// No other in this program is of its size class.
var atStart uintptr

func init() {
	small := make([]byte, 3<<10)
	atStart = uintptr(unsafe.Pointer(&small[0]))
}

// What the program allocates next, large or small, lies in memory that huge pages are asked for,
// at the beginning of one; and for a command that scans, or reads files, as much as
// that takes.
func TestHeapAsksForHugePages(t *testing.T) {
	if _, err := os.Stat("/sys/kernel/mm/transparent_hugepage"); err != nil {
		need.Missing(t, "needs a kernel with transparent huge pages")
	}
	for command, least := range map[string]uintptr{"list": room, "version": hugePage, "diff": roomTwo, "list --from=x": roomTwo} {
		if strings.HasSuffix(strings.Join(os.Args, " "), " "+command) { // the program below
			checkHeap(t, least)
			return
		}
	}
	const runs = 16 // as where the heap begins is random, and which processor the next slice is made on
	for _, command := range []string{"list", "version", "diff", "list --from=x"} {
		small := 0
		for range runs {
			out, err := exec.Command(os.Args[0], append([]string{"-test.run=^TestHeapAsksForHugePages$"}, strings.Fields(command)...)...).CombinedOutput()
			if err != nil {
				t.Fatalf("%s: %v\n%s", command, err, out)
			}
			if strings.Contains(string(out), asked) {
				small++
			}
		}
		if small < runs*2/3 {
			t.Errorf("%s: a small slice was in memory that huge pages are asked for in %d of %d runs", command, small, runs)
		}
	}
}

const asked = "the small slice, too"

func checkHeap(t *testing.T, least uintptr) {
	t.Helper()
	large := make([]byte, from)
	low, high := advised(t, uintptr(unsafe.Pointer(&large[0])))
	if low%hugePage != 0 || high-low < least {
		t.Errorf("huge pages are asked for from %#x to %#x, want %#x bytes and more from a multiple of %#x", low, high, least, hugePage)
	}
	if low <= atStart && atStart < high {
		fmt.Println(asked)
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
