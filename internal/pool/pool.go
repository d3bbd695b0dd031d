// SPDX-License-Identifier: Apache-2.0

// Package pool runs a function for many elements on all CPUs.
package pool

import (
	"context"
	"runtime"

	"golang.org/x/sync/errgroup"
)

// Each calls f for 0 to n-1, as many at once as there are CPUs, until ctx ends.
func Each(ctx context.Context, n int, f func(int)) {
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i := 0; i < n && ctx.Err() == nil; i++ {
		g.Go(func() error {
			f(i)
			return nil
		})
	}
	_ = g.Wait() // f returns no error
}
