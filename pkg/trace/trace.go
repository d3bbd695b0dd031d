// SPDX-License-Identifier: Apache-2.0

// Package trace tells every setns, unshare and clone that moves a thread between
// namespaces, as it happens: who, from where, to where, by which file, and whether
// it worked.
//
//	tracer, err := trace.Open(ctx, trace.Options{})
//	for {
//		event, err := tracer.Read()
//		…
//	}
//
// How it looks is its tier: the first of Tiers that this machine lets it use.
// Nothing stays in the kernel when the process ends, however it ends.
package trace

import (
	"errors"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// ErrClosed is what Read returns once the tracer was closed or its context has
// ended, and all that was recorded until then has been read.
var ErrClosed = errors.New("tracer is closed")

// Options say what to trace. The zero value is every call of every thread but
// the tracer's own process.
type Options struct {
	Tier   Tier // 0: the first that works, in the order of Tiers
	Filter Filter
	// Follow limits the trace to the processes that this one starts from now on,
	// and to theirs, from their first instruction.
	Follow bool
	// Buffer is the size in bytes of what the kernel keeps until it is read; a
	// power of two, at least a page. 0 is 16 MiB. What finds no room is lost, and
	// counted.
	Buffer int

	wakeAt uint32 // bytes unread at which the reader is woken
}

// Filter leaves events out, inside of the kernel where the tier can. Zero fields
// let everything through.
type Filter struct {
	PID    int       // process or thread
	Comm   string    // the thread's name, up to 15 bytes
	Types  []ns.Type // what the call was about: its flags, or what a setns was to enter
	Failed bool      // only failed calls
	NS     NS        // before, after or as target, of any type
}

// Tier is a way to look, by number.
type Tier int

// TierInfo says what a tier is.
type TierInfo struct {
	Tier        Tier
	What        string   // how it looks, in words
	Limitations []string // what it cannot see, in words
}

// Disagreement is a thread that is elsewhere than its events say: a transition
// was not seen.
type Disagreement struct {
	PID, TID int
	Comm     string
	Tracked  NS // network namespace by the events
	Found    NS // by looking, at the end
}

// Summary is what the tracer found at its end by looking at every thread.
type Summary struct {
	Checked       int // threads looked at
	Disagreements []Disagreement
	// Strays are threads that were seen moving and ended in another network
	// namespace than their process's first thread.
	SplitThreads []Disagreement
}
