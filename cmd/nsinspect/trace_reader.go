// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"time"

	"github.com/nsinspect/nsinspect/pkg/trace"
)

const (
	batchSize = 256                    // events that are read at once: 0.2 MiB
	batches   = 4                      // those that there are
	lostEvery = 100 * time.Millisecond // while events come
	idleEvery = time.Second            // while none do
)

// batch is what was read at once.
type batch struct {
	events []trace.Event
	n      int          // how many of events there are
	read   time.Time    // what was recorded before has been read, in this batch or one before
	lost   []trace.Loss // what was lost so far; nil if it was not read
	err    error        // of the last batch: why it is the last; trace.ErrClosed at the ordinary end
}

// batchReader empties the kernel's buffer, however long writing takes. There are a
// few batches, which go round. While all of them wait to be written nothing is read,
// and what finds no room in the kernel's buffer is counted there.
type batchReader struct {
	tracer tracer
	free   chan *batch
	full   chan *batch // closed after the last one
	empty  bool        // batches without events are handed over too, to keep the time by
	looked time.Time   // when the losses were last looked at
	read   time.Time   // of the last batch
}

func newBatchReader(t tracer) *batchReader {
	r := &batchReader{tracer: t, free: make(chan *batch, batches), full: make(chan *batch, batches)}
	for range batches {
		r.free <- &batch{events: make([]trace.Event, batchSize)}
	}
	return r
}

// run reads until there is nothing more to read, which is some time after ctx has
// ended. Each batch in full has to be given back to free.
func (r *batchReader) run(ctx context.Context) {
	defer close(r.full)
	for ended := false; !ended; {
		b, err := r.room(ctx)
		b.n, b.lost, b.err = 0, nil, err
		began := time.Now()
		if err == nil {
			b.n, b.err = r.tracer.ReadBatch(b.events)
		}
		b.read = r.upTo(b, began)
		if b.err == nil {
			b.lost, b.err = r.losses(b.n)
		}
		ended = b.err != nil
		if b.n == 0 && b.lost == nil && !ended && !r.empty {
			r.free <- b // idle: no other goroutine is woken
			continue
		}
		r.full <- b
	}
}

// ringSlack is how much later than another call one may end whose event was recorded
// before.
const ringSlack = 10 * time.Millisecond

// upTo returns until when everything has been read that was recorded, once a batch is
// that began to be read at a time. One that is not full was the rest.
func (r *batchReader) upTo(b *batch, began time.Time) time.Time {
	read := began
	if b.n == len(b.events) {
		e := &b.events[b.n-1]
		read = e.Time.Add(e.Duration - ringSlack)
	}
	if read.After(r.read) {
		r.read = read
	}
	return r.read
}

// room waits for a batch that is free. The recording ends with ctx even while none
// is.
func (r *batchReader) room(ctx context.Context) (*batch, error) {
	select {
	case b := <-r.free:
		return b, nil
	default:
	}
	select {
	case b := <-r.free:
		return b, nil
	case <-ctx.Done():
		err := r.tracer.Detach()
		return <-r.free, err
	}
}

// losses reads now and then what was lost.
func (r *batchReader) losses(events int) ([]trace.Loss, error) {
	now := time.Now()
	if pause := now.Sub(r.looked); pause < lostEvery || events == 0 && pause < idleEvery {
		return nil, nil
	}
	r.looked = now
	lost, err := r.tracer.Lost()
	if err != nil {
		return nil, fmt.Errorf("read loss counters: %w", err)
	}
	return lost, nil
}
