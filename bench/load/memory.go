// SPDX-License-Identifier: Apache-2.0

package load

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"reflect"
	"strings"
)

// maxGaps bounds how many ranges unneeded returns: one before each thing kept
// (the code, the board, the stack, vvar and vdso) and one after.
const maxGaps = 12

// spawnPC is an address in the program's code.
func spawnPC() uintptr { return reflect.ValueOf(spawn).Pointer() }

// unneeded returns the address ranges which a process of the load can do
// without: all but the code, the board, and the stack, where its command line
// is. A fork copies what is left, and it is the Go heap that makes it slow.
//
// A program with a C library keeps everything: the kernel writes to the
// restartable sequence that the library registered (kernel/rseq.c), and kills a
// process which has unmapped it.
func unneeded(board, code uintptr) ([][2]uintptr, error) {
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return nil, fmt.Errorf("read own memory map: %w", err)
	}
	return parseUnneeded(maps, board, code)
}

func parseUnneeded(maps []byte, board, code uintptr) ([][2]uintptr, error) {
	var gaps [][2]uintptr
	var from uintptr // end of what was kept last
	var end uintptr  // end of what was mapped last
	for sc := bufio.NewScanner(bytes.NewReader(maps)); sc.Scan(); {
		line := sc.Text()
		var lo, hi uintptr
		if _, err := fmt.Sscanf(line, "%x-%x ", &lo, &hi); err != nil {
			return nil, fmt.Errorf("parse memory map line %q: %w", line, err)
		}
		if strings.Contains(line, "/libc.") || strings.Contains(line, "/ld-") {
			return nil, nil
		}
		if strings.HasSuffix(line, "[vsyscall]") { // no memory of the process
			continue
		}
		end = hi
		within := func(p uintptr) bool { return lo <= p && p < hi }
		if !within(board) && !within(code) && !strings.HasSuffix(line, "]") {
			continue
		}
		if strings.HasSuffix(line, "]") && !keptByName(line) {
			continue
		}
		if from < lo {
			gaps = append(gaps, [2]uintptr{from, lo})
		}
		from = hi
	}
	if from < end {
		gaps = append(gaps, [2]uintptr{from, end})
	}
	if len(gaps) > maxGaps {
		return nil, fmt.Errorf("plan the children's memory: %d gaps, expected at most %d", len(gaps), maxGaps)
	}
	return gaps, nil
}

// keptByName distinguishes a stack and the kernel's own pages from a heap, which Go
// names too ("[anon: Go: heap]", Linux 5.17 and later with that option).
func keptByName(line string) bool {
	for _, name := range []string{"[stack]", "[vdso]", "[vvar]", "[vvar_vclock]"} {
		if strings.HasSuffix(line, name) {
			return true
		}
	}
	return false
}
