// SPDX-License-Identifier: Apache-2.0

// Package pool runs a function for many elements on all CPUs.
package pool

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/nsinspect/nsinspect/internal/stacks"
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

// Go is wg.Go with a stack that most functions of a scan need from the beginning on.
func Go(wg *sync.WaitGroup, f func()) {
	wg.Go(func() {
		stacks.Grow[[stackRoom]byte](nil)
		f()
	})
}

const stackRoom = 5 << 10 // makes a stack of 8 KiB
