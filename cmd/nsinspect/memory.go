// SPDX-License-Identifier: Apache-2.0

package main

import (
	"runtime"
	"runtime/debug"
)

// enoughMemory is what a snapshot of a hundred thousand holders takes, of the 64 MiB that the
// program may with them: what is mapped of its file is no part of it.
const enoughMemory = 40 << 20

// saveMemory has the heap collected in time to take no more than enoughMemory, or a quarter
// more than is in use if that is more: to collect all the time would help nobody. Memory
// matters more than a millisecond for what runs every hour beside other programs.
func saveMemory() {
	debug.SetGCPercent(100)
	var m runtime.MemStats
	if runtime.ReadMemStats(&m); m.HeapAlloc*5/4 > enoughMemory { // with what is garbage
		runtime.GC()
		runtime.ReadMemStats(&m)
	}
	debug.SetMemoryLimit(max(enoughMemory, int64(m.HeapAlloc)*5/4))
}
