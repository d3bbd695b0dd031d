// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"testing"

	"github.com/nsinspect/nsinspect/pkg/trace"
)

// countingTracer has an event for each ReadBatch, until it is detached.
type countingTracer struct {
	fakeTracer
	reads    int
	detached chan int // how often ReadBatch was called before
}

func (c *countingTracer) ReadBatch([]trace.Event) (int, error) {
	c.reads++
	if len(c.detached) > 0 {
		return 0, trace.ErrClosed
	}
	return 1, nil
}

func (c *countingTracer) Detach() error {
	c.detached <- c.reads
	return nil
}

// TestReaderBounded has nobody take what was read: the reader reads as many batches
// as there are, and no more. The end of its context detaches nevertheless.
func TestReaderBounded(t *testing.T) {
	c := &countingTracer{fakeTracer: fakeTracer{lost: [][]trace.Loss{nil}}, detached: make(chan int, 1)}
	r := newBatchReader(c)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	go r.run(ctx)
	if reads := <-c.detached; reads != batches {
		t.Errorf("%d batches were read, want %d", reads, batches)
	}
	c.detached <- 0
	events := 0
	var last error
	for b := range r.full {
		events += b.n
		last = b.err
		r.free <- b
	}
	if events != batches || last != trace.ErrClosed {
		t.Errorf("%d events, and the last batch has %v; want %d and %v", events, last, batches, trace.ErrClosed)
	}
}
