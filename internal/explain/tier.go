// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"fmt"
	"strings"
	"time"

	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/trace"
)

// tiers has how each tier traces, by its number.
var tiers = [...]string{
	1: "BPF programs at the entry and return of every system call",
	2: "BPF programs at the functions of the calls",
	3: "BPF programs without kernel types; where threads are is read from /proc a moment later",
	4: "perf events, which record where a thread is but not by which call",
}

// limitation returns a phrase for what a tier does not record, "" if there is none.
func limitation(l trace.Limitation) string {
	switch l {
	case trace.LacksFiltered:
		return "calls that a seccomp filter or its supervisor answers"
	case trace.LacksPtraced:
		return "calls that a ptracer answers itself, as strace --inject does, or turns into another"
	case trace.LacksPreempted:
		return "calls on a CPU while another thread is preempted inside the program there (counted as lost, by tiers 1 and 3 with every other system call there)"
	case trace.LacksShortLived:
		return "where a thread went that ended within milliseconds"
	case trace.LacksOrigins:
		return "from where a thread came that started after the tracer"
	case trace.LacksOtherOrigins:
		return "from where a thread came in its first move between namespaces of another type than net"
	case trace.LacksOtherMoves:
		return "the first moves of a thread that are not between network namespaces"
	case trace.LacksTargets:
		return "which file was passed to setns"
	case trace.LacksCompat32:
		return "32-bit calls of 64-bit programs"
	case trace.LacksCookies:
		return "cookies"
	case trace.LacksParents:
		return "parent processes"
	case trace.LacksReasons:
		return "why a call failed"
	case trace.LacksUsers:
		return "effective users"
	case trace.LacksNested:
		return "where a clone led to that was made in another PID namespace"
	case trace.LacksCalls:
		return "which call it was, its flags and its file"
	case trace.LacksFailures:
		return "calls that failed"
	case trace.LacksPIDAndTime:
		return "PID and time namespaces"
	}
	return ""
}

// Tier returns in a phrase how a tier traces.
func Tier(t trace.TierInfo) string { return tiers[t.Tier] }

// Limitations returns a phrase for each thing that a tier does not record.
func Limitations(t trace.TierInfo) []string {
	var all []string
	for _, l := range t.Limitations {
		all = append(all, limitation(l))
	}
	return all
}

// Unlisted returns in a phrase what a lifecycle does not record of namespaces of types of
// which the kernel has no list.
func Unlisted(types []ns.Type) string {
	var words []string
	for _, t := range types {
		words = append(words, t.String())
	}
	return "when namespaces of type " + strings.Join(words, ", ") + " are named or freed, or created otherwise than by a recorded call: this kernel has no list of them, as Linux 6.18 has"
}

// Missed returns in a phrase which namespaces a lifecycle misses, where those that
// exist for a shorter time can be missed.
func Missed(shorter time.Duration) string {
	if shorter == 0 {
		return "however short a namespace exists, it is missed only if the call that creates it is lost"
	}
	return fmt.Sprintf("a namespace that exists for less than %v can be missed", shorter)
}
