// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"unsafe"
)

func TestEach(t *testing.T) {
	for _, n := range []int{0, 1, 1000} {
		calls := make([]atomic.Int32, n)
		var now, most atomic.Int32
		Each(t.Context(), n, func(i int) {
			for at := now.Add(1); ; {
				if seen := most.Load(); at <= seen || most.CompareAndSwap(seen, at) {
					break
				}
			}
			calls[i].Add(1)
			runtime.Gosched()
			now.Add(-1)
		})
		for i := range calls {
			if got := calls[i].Load(); got != 1 {
				t.Errorf("of %d: %d was called for %d times", n, i, got)
			}
		}
		if got := int(most.Load()); got > runtime.GOMAXPROCS(0) {
			t.Errorf("%d at once on %d CPUs", got, runtime.GOMAXPROCS(0))
		}
	}
}

func TestEachEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var calls atomic.Int32
	Each(ctx, 1<<20, func(int) {
		calls.Add(1)
		cancel()
	})
	if got := int(calls.Load()); got == 0 || got > runtime.GOMAXPROCS(0) {
		t.Errorf("%d calls", got)
	}
}

// The stack of a goroutine has room for a function that needs most of stackRoom, and is not moved.
func TestGoHasStack(t *testing.T) {
	var wg sync.WaitGroup
	stayed := false
	Go(&wg, func() {
		var here byte
		before := uintptr(unsafe.Pointer(&here))
		most(0)
		stayed = uintptr(unsafe.Pointer(&here)) == before
	})
	wg.Wait()
	if !stayed {
		t.Errorf("a stack was moved for %d bytes", stackRoom*3/4)
	}
}

//go:noinline
func most(i int) byte {
	var frame [stackRoom * 3 / 4]byte
	frame[i]++
	return frame[i/2]
}
