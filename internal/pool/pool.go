// SPDX-License-Identifier: Apache-2.0

// Package pool runs a function for many elements on all CPUs.
package pool

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
)

// Each calls f for 0 to n-1, as many at once as there are CPUs, until ctx ends. It starts no
// more goroutines than that takes, beside the one that it is called on: a new one for each call
// would have to grow its stack each time.
func Each(ctx context.Context, n int, f func(int)) {
	var next atomic.Int64
	some := func() {
		for ctx.Err() == nil {
			i := int(next.Add(1)) - 1
			if i >= n {
				return
			}
			f(i)
		}
	}
	var wg sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) - 1 {
		Go(&wg, some)
	}
	some()
	wg.Wait()
}

// Go is wg.Go with a stack that most functions of a scan need from the beginning on. It begins
// with 2 KiB, and each time that it is made twice as large, whatever functions are on it by then
// are looked up (runtime, newstack and copystack, 1.26).
func Go(wg *sync.WaitGroup, f func()) {
	wg.Go(func() {
		growStack(nil)
		f()
	})
}

// stackRoom makes a stack of 8 KiB.
const stackRoom = 5 << 10

// growStack makes the stack larger: a function has as much as its frame may take before it
// begins, and writes only to what it uses.
//
//go:noinline
func growStack(use *byte) byte {
	if use != nil {
		return first([stackRoom]byte{*use})
	}
	return 0
}

//go:noinline
func first(frame [stackRoom]byte) byte { return frame[0] }
