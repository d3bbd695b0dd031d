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
// more goroutines than that: a new one for each call would have to grow its stack each time.
func Each(ctx context.Context, n int, f func(int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		wg.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				f(i)
			}
		})
	}
	wg.Wait()
}
