// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// costlyFault is what divides machines in two kinds: below it, what a page fault costs
// hardly matters; above, it is much of what a short command takes.
const costlyFault = 3 * time.Microsecond

// pageFault returns what a minor page fault of an anonymous page of 4 KiB takes: the
// median of several loops that touch fresh pages.
func pageFault() (time.Duration, error) {
	const size, page, rounds = 8 << 20, 4 << 10, 9
	var took []time.Duration
	for range rounds {
		memory, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
		if err != nil {
			return 0, fmt.Errorf("map memory for page faults: %w", err)
		}
		if err := unix.Madvise(memory, unix.MADV_NOHUGEPAGE); err != nil && err != unix.EINVAL { // which kernels without huge pages return
			return 0, fmt.Errorf("ask for small pages: %w", err)
		}
		begin := time.Now()
		for i := 0; i < size; i += page {
			memory[i] = 1
		}
		took = append(took, time.Since(begin)/(size/page))
		if err := unix.Munmap(memory); err != nil {
			return 0, fmt.Errorf("unmap memory: %w", err)
		}
	}
	slices.Sort(took)
	return took[rounds/2], nil
}

// kind is the kind of machine by whose name the documentation keeps its tables.
func (m machine) kind() string {
	if m.PageFault < costlyFault {
		return "cheap-page-faults"
	}
	return "costly-page-faults"
}
