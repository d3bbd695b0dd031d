// SPDX-License-Identifier: Apache-2.0

package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// enoughMemory is what a snapshot of a hundred thousand holders takes, of the 64 MiB that the
// program may with them: what is mapped of its file is no part of it.
const enoughMemory = 44 << 20

// saveMemory has the heap collected in time to take no more than enoughMemory, or a quarter
// more than is in use if that is more: to collect all the time would help nobody. Memory
// matters more than a millisecond for what runs every hour beside other programs.
func saveMemory() {
	debug.SetGCPercent(100)
	enough := liveHeap() * 5 / 4
	if enough > enoughMemory { // as of when it was collected last
		runtime.GC()
		enough = liveHeap() * 5 / 4
	}
	debug.SetMemoryLimit(max(enoughMemory, enough))
}

// liveHeap returns how much was in use when the heap was last collected.
func liveHeap() int64 {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	return int64(live[0].Value.Uint64())
}
