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
var tiers = map[trace.Tier]string{
	1: "BPF programs at the entry and return of every system call",
	2: "BPF programs at the functions of the calls",
	3: "BPF programs without kernel types; where threads are is read from /proc a moment later",
	4: "perf events, which record where a thread is but not by which call",
}

// limitations has a phrase for what a tier does not record.
var limitations = map[trace.Limitation]string{
	trace.LacksFiltered:     "calls that a seccomp filter or its supervisor answers",
	trace.LacksPtraced:      "calls that a ptracer answers itself, as strace --inject does, or turns into another",
	trace.LacksPreempted:    "calls on a CPU while another thread is preempted inside the program there (counted as lost, by tier 1 with every other system call there)",
	trace.LacksShortLived:   "where a thread went that ended within milliseconds",
	trace.LacksOrigins:      "from where a thread came that started after the tracer",
	trace.LacksOtherOrigins: "from where a thread came in its first move between namespaces of another type than net",
	trace.LacksOtherMoves:   "the first moves of a thread that are not between network namespaces",
	trace.LacksTargets:      "which file was passed to setns",
	trace.LacksCompat32:     "32-bit calls of 64-bit programs",
	trace.LacksCookies:      "cookies",
	trace.LacksParents:      "parent processes",
	trace.LacksReasons:      "why a call failed",
	trace.LacksUsers:        "effective users",
	trace.LacksNested:       "where a clone led to that was made in another PID namespace",
	trace.LacksCalls:        "which call it was, its flags and its file",
	trace.LacksFailures:     "calls that failed",
	trace.LacksPIDAndTime:   "PID and time namespaces",
}

// Tier returns in a phrase how a tier traces.
func Tier(t trace.TierInfo) string { return tiers[t.Tier] }

// Limitations returns a phrase for each thing that a tier does not record.
func Limitations(t trace.TierInfo) []string {
	var all []string
	for _, l := range t.Limitations {
		all = append(all, limitations[l])
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
