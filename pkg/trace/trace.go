// SPDX-License-Identifier: Apache-2.0

// Package trace records every setns, unshare and clone that moves a thread between
// namespaces, as it happens: the caller, from where, to where, by which file, and
// whether it succeeded.
//
//	tracer, err := trace.Open(ctx, trace.Options{})
//	for {
//		event, err := tracer.Read()
//		…
//	}
//
// Its way of tracing is its tier: the first of Tiers that works on this machine.
// Nothing stays in the kernel when the process ends, however it ends.
package trace

import (
	"errors"
	"time"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// ErrClosed is what Read returns once the tracer was closed, or its context has ended
// and all that was recorded until then has been read.
var ErrClosed = errors.New("tracer is closed")

// Options select what is traced. The zero value is every call of every thread but
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
	// Identify records of a caller what its PID shows only while it exists: see Caller.
	// Tiers 3 and 4 cannot.
	Identify bool
	// Hierarchy is the ID of a hierarchy of cgroup v1 to have in Caller too, 0 for none.
	Hierarchy int
	// Pace is the longest that ReadBatch waits; 0 is 250 ms.
	Pace time.Duration

	wakeAt   uint32 // bytes unread at which the reader is woken
	typesDir string // of the kernel's types, for tests
}

// Filter leaves events out, inside of the kernel where the tier can. Zero fields
// let everything through.
type Filter struct {
	PID    int       // process or thread
	Comm   string    // the thread's name, up to 15 bytes
	Types  []ns.Type // what the call was about: its flags, or what a setns was to enter
	Failed bool      // only failed calls
	NS     NS        // before, after or as target, of any type
	UIDs   []int     // effective users, up to MostUIDs; tiers 3 and 4 cannot
}

// MostUIDs is how many users a Filter has at most.
const MostUIDs = 16

// Tier is a way of tracing, by number.
type Tier int

// TierInfo describes a tier.
type TierInfo struct {
	Tier        Tier
	Name        string       // a word for its way of tracing: "tracepoints"
	Limitations []Limitation // what it does not record
}

// Limitation is something that a tier does not record.
type Limitation string

// The limitations.
const (
	LacksFiltered     Limitation = "filtered"      // calls that a seccomp filter or its supervisor answers
	LacksPtraced      Limitation = "ptraced"       // calls that a ptracer answers, or turns into another
	LacksPreempted    Limitation = "preempted"     // calls on a CPU while another thread is preempted in the program there; they are counted as lost
	LacksShortLived   Limitation = "short-lived"   // where a thread went that ended within milliseconds
	LacksOrigins      Limitation = "origins"       // from where a thread came that started after the tracer
	LacksOtherOrigins Limitation = "other-origins" // from where a thread came in its first move between namespaces of another type than net
	LacksOtherMoves   Limitation = "other-moves"   // a thread's first moves that are not between network namespaces
	LacksTargets      Limitation = "targets"       // the file that was passed to setns
	LacksReasons      Limitation = "reasons"       // why a call failed
	LacksUsers        Limitation = "users"         // effective users
	LacksNested       Limitation = "nested"        // where a clone led to that was made in another PID namespace
	LacksCompat32     Limitation = "compat32"      // 32-bit calls of 64-bit programs
	LacksCookies      Limitation = "cookies"       // cookies of network namespaces
	LacksParents      Limitation = "parents"       // parent processes
	LacksCalls        Limitation = "calls"         // which call it was, its flags and its file
	LacksFailures     Limitation = "failures"      // calls that failed
	LacksPIDAndTime   Limitation = "pid-and-time"  // moves between PID and time namespaces
)

// Disagreement is a thread that is in another namespace than its events show: a
// transition was not recorded.
type Disagreement struct {
	PID, TID int
	Comm     string
	Tracked  NS // network namespace by the events
	Found    NS // as read at the end
}

// Summary is what the tracer found at its end by looking at every thread.
type Summary struct {
	Checked       int // threads looked at
	Disagreements []Disagreement
	// SplitThreads are threads that were seen moving and ended in another network
	// namespace than their process's first thread.
	SplitThreads []Disagreement
}
