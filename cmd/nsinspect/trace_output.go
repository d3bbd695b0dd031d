// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/render"
	"github.com/nsinspect/nsinspect/pkg/trace"
	"github.com/nsinspect/nsinspect/pkg/trace/lifecycle"
)

const (
	flushSize   = 64 << 10               // bytes after which output is written without waiting for the batch's end
	outPatience = 2 * time.Second        // how long a reader may take nothing once the trace has ended
	errPatience = 500 * time.Millisecond // the same for sentences on stderr
	outSlice    = 100 * time.Millisecond // how often it is looked whether it has
)

// Why output ends before all is written.
var (
	errUnread = errors.New("its reader has stopped reading")
	errAtOnce = errors.New("a signal ended it")
)

// lostLifecycle is the kind of loss of events of --lifecycle.
const lostLifecycle = "lifecycle"

// item is what a line of output stands for.
type item struct {
	end  int           // of the line in the buffer
	call [2]trace.Call // 0 for none; two if they were folded into one
	fail [2]bool
	life lifecycle.Kind
}

// output is where events are written, and the count of what was. It waits for a
// slow reader as long as the trace goes on. Once that has ended it waits as long as
// something is read, and otherwise gives up: whatever is added from then on counts
// as lost.
type output struct {
	*outlet
	rotation *rotation       // of the file that is written; nil for none
	done     <-chan struct{} // closed when the trace ends
	signals  *signals
	most     time.Duration      // that the far end may take nothing once the trace has ended
	stats    *render.TraceStats // of what was written
	lost     map[string]uint64  // what was not, by kind of trace.Loss
	err      error              // why nothing more is written; nil while it is
	torn     bool               // it ends within a line

	buf     []byte
	from    int // bytes of buf that are written
	items   []item
	next    int       // the first item that is not written whole
	stalled time.Time // since when nothing was taken; zero if something was
}

func newOutput(done <-chan struct{}, w io.Writer, s *signals, stats *render.TraceStats) *output {
	return &output{outlet: newOutlet(w), done: done, signals: s, most: outPatience, stats: stats, lost: map[string]uint64{}}
}

// ended reports whether the trace has ended.
func (o *output) ended() bool {
	select {
	case <-o.done:
		return true
	default:
		return false
	}
}

// add ends a line that was appended to buf, and what it stands for.
func (o *output) add(i item) {
	if o.err != nil {
		o.countLost(&i)
		o.buf = o.buf[:0]
		return
	}
	if o.rotation != nil {
		if o.rotate(); o.err != nil {
			o.countLost(&i)
			return
		}
	}
	i.end = len(o.buf)
	o.items = append(o.items, i)
	if len(o.buf)-o.from >= flushSize {
		o.flush()
	}
}

// tripItem is the item of an event, or of two that were folded into one.
func tripItem(t *render.Trip) (i item) {
	i.call[0], i.fail[0] = t.Call, t.Failed()
	if t.Back != nil {
		i.call[1], i.fail[1] = t.Back.Call, t.Back.Failed()
	}
	return i
}

// calls returns how many calls it stands for.
func (i *item) calls() (n int) {
	for _, call := range i.call {
		if call != 0 {
			n++
		}
	}
	return n
}

func (o *output) countWritten(i *item) {
	for n, call := range i.call {
		if call == 0 {
			continue
		}
		o.stats.Events[call]++
		if i.fail[n] {
			o.stats.Failed[call]++
		}
	}
	if i.life != "" {
		o.stats.Lives[i.life]++
	}
}

func (o *output) countLost(i *item) {
	for _, call := range i.call {
		if call != 0 {
			o.lost[call.String()]++
		}
	}
	if i.life != "" {
		o.lost[lostLifecycle]++
	}
}

// flush writes what was added. It sets err if that cannot be done.
func (o *output) flush() {
	for o.err == nil && o.from < len(o.buf) {
		n, err := o.write(o.chunk())
		o.took(n)
		switch {
		case err == unix.EAGAIN:
			if err := o.wait(); err != nil {
				o.giveUp(err)
			}
		case err != nil:
			o.giveUp(err)
		}
	}
	o.buf, o.items, o.from, o.next = o.buf[:0], o.items[:0], 0, 0
}

// chunk returns what to write at once: whole lines, of which a pipe takes all or
// nothing, unless one is too long for that.
func (o *output) chunk() []byte {
	rest := o.buf[o.from:]
	if o.how == writeDirect || len(rest) <= wholeWrite {
		return rest
	}
	rest = rest[:wholeWrite]
	if end := bytes.LastIndexByte(rest, '\n'); end >= 0 {
		return rest[:end+1]
	}
	return rest
}

// took counts what was written whole.
func (o *output) took(n int) {
	if n == 0 {
		return
	}
	o.stalled = time.Time{}
	o.from += n
	for ; o.next < len(o.items) && o.items[o.next].end <= o.from; o.next++ {
		o.countWritten(&o.items[o.next])
	}
}

// wait waits for room. It returns an error if there is none to be expected.
func (o *output) wait() error {
	if o.stalled.IsZero() {
		o.stalled = time.Now()
		o.drained()
	} else {
		time.Sleep(time.Millisecond) // a terminal can report room that is too small for a character
	}
	for {
		o.signals.beat()
		if o.room(outSlice) {
			return nil
		}
		if o.drained() || !o.ended() {
			o.stalled = time.Now()
		}
		if o.signals.atOnce.Load() {
			return errAtOnce
		}
		if time.Since(o.stalled) >= o.most {
			return errUnread
		}
	}
}

// giveUp ends the output. What is not written whole is lost.
func (o *output) giveUp(err error) {
	o.err = err
	start := 0
	if o.next > 0 {
		start = o.items[o.next-1].end
	}
	if begun := o.from - start; begun > 0 && !o.cut(begun) {
		o.torn = true
	}
	for i := range o.items[o.next:] {
		o.countLost(&o.items[o.next+i])
	}
}

// finish writes the last records. Where the output has ended before them, they
// follow on it if they can be written at once.
func (o *output) finish(records []byte) {
	if o.err == nil {
		o.buf = append(o.buf, records...)
		o.add(item{})
		o.flush()
		return
	}
	if o.torn || readerGone(o.err) {
		return
	}
	for line := range bytes.Lines(records) {
		if n, err := o.write(line); err != nil || n < len(line) {
			o.torn = n > 0 && !o.cut(n)
			return
		}
	}
}

// losses adds what was lost here to what the kernel has counted.
func (o *output) losses(all []trace.Loss, lifecycle bool) []trace.Loss {
	lost := maps.Clone(o.lost)
	all = slices.Clone(all)
	for i := range all {
		all[i].Total += lost[all[i].Kind]
		delete(lost, all[i].Kind)
	}
	if lifecycle {
		lost[lostLifecycle] += 0
	}
	for _, kind := range slices.Sorted(maps.Keys(lost)) {
		all = append(all, trace.Loss{Kind: kind, Total: lost[kind], Known: true})
	}
	return all
}
