// SPDX-License-Identifier: Apache-2.0

package render

import (
	"fmt"
	"strings"
	"time"

	"github.com/nsinspect/nsinspect/internal/text"
	"github.com/nsinspect/nsinspect/internal/wire"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/trace"
	"github.com/nsinspect/nsinspect/pkg/trace/lifecycle"
)

// TraceStats is what came of a trace.
type TraceStats struct {
	Events, Failed map[trace.Call]int
	Lives          map[lifecycle.Kind]int
	Lost           []trace.Loss
	LeftOut        int  // calls that were recorded and are not for people: see Events.LeavesOut
	Filtered       *int // calls that were recorded and not selected; nil if the kernel selects them
	Undecided      int  // of which it was not known whose they were
	AfterCount     *int // calls recorded after the last event that was asked for; nil if all are
	Tier           trace.Tier
	Summary        *trace.Summary // nil if no look at the end was had
}

// Start adds the record that a trace begins with. Lines for people have none.
func (e *Events) Start(out []byte, s wire.TraceStart) []byte {
	if !e.json {
		return out
	}
	s.Event = "start"
	s.Limitations, s.Refusals = append([]string{}, s.Limitations...), append([]string{}, s.Refusals...)
	return appendRecord(out, s)
}

// Lost adds that a count has grown by some calls. At the end JSON has one for
// each kind, with zero too.
func (e *Events) Lost(out []byte, now time.Time, l trace.Loss, grown uint64) []byte {
	if e.json {
		r := wire.TraceLost{Time: now, Event: "lost", Kind: l.Kind}
		if l.Known {
			r.Count, r.Total = &grown, &l.Total
		}
		return appendRecord(out, r)
	}
	if grown == 0 || !l.Known {
		return out
	}
	out = appendClock(out, now)
	line := fmt.Sprintf("  LOST %s, %d so far", lostCalls(l.Kind, grown), l.Total)
	if e.color {
		line = red + line + reset
	}
	return append(append(out, line...), '\n')
}

// lostCalls counts calls in words: "2 setns calls", "1 call of unknown kind".
func lostCalls(kind string, n uint64) string {
	call := "calls"
	if n == 1 {
		call = "call"
	}
	switch {
	case kind == "unknown":
		return fmt.Sprintf("%d %s of unknown kind", n, call)
	case kind == "lifecycle" && n == 1:
		return "1 lifecycle event"
	case kind == "lifecycle":
		return fmt.Sprintf("%d lifecycle events", n)
	}
	return fmt.Sprintf("%d %s %s", n, kind, call)
}

// End adds the record that a trace ends with. Lines for people have the
// sentences of TraceNotes in its place.
func (e *Events) End(out []byte, now time.Time, s TraceStats) []byte {
	if !e.json {
		return out
	}
	r := wire.TraceEnd{
		Time: now, Event: "end", Events: countsOf(s.Events), FailedEvents: countsOf(s.Failed), AfterCount: s.AfterCount, Filtered: s.Filtered,
		Disagreements: []wire.TraceThread{}, SplitThreads: []wire.TraceThread{},
	}
	if s.Filtered != nil {
		r.Undecided = &s.Undecided
	}
	for kind, n := range s.Lives {
		r.Events[string(kind)] = n
	}
	if sum := s.Summary; sum != nil {
		r.Checked = &sum.Checked
		r.Disagreements = wire.NewTraceThreads(e.names, sum.Disagreements)
		r.SplitThreads = wire.NewTraceThreads(e.names, sum.SplitThreads)
	}
	return appendRecord(out, r)
}

func countsOf(counts map[trace.Call]int) map[string]int {
	named := map[string]int{}
	for call, n := range counts {
		named[call.String()] = n
	}
	return named
}

// appendRecord adds one of the few records that are no events.
func appendRecord(out []byte, v any) []byte {
	record, err := wire.Marshal(v, false)
	if err != nil {
		panic("render: a record of plain fields cannot be encoded: " + err.Error())
	}
	return append(out, record...)
}

// TraceNotes returns the results of a trace in sentences.
func (e *Events) TraceNotes(s TraceStats) []string {
	notes := []string{strings.Join([]string{tally(s), lostNote(s.Lost), fmt.Sprintf("tier %d", s.Tier)}, "; ")}
	if s.Filtered != nil && *s.Filtered > 0 {
		notes = append(notes, fmt.Sprintf("%s filtered out", counted(*s.Filtered)))
	}
	if s.Undecided > 0 {
		notes = append(notes, fmt.Sprintf("%s of these came from processes that had ended before it was known whose they were", counted(s.Undecided)))
	}
	if s.AfterCount != nil && *s.AfterCount > 0 {
		notes = append(notes, fmt.Sprintf("%d more were recorded after --count was reached", *s.AfterCount))
	}
	if s.Summary == nil {
		return notes
	}
	for i, d := range s.Summary.SplitThreads {
		if i == maxThreads {
			notes = append(notes, fmt.Sprintf("%d more threads ended up elsewhere than their process: -o json lists them", len(s.Summary.SplitThreads)-i))
			break
		}
		notes = append(notes, Escape(fmt.Sprintf("thread %d (%s) of process %d ended up in %s, which is not its process's namespace",
			d.TID, text.Name(d.Comm), d.PID, e.place(d.Found))))
	}
	return append(notes, e.unseenNote(s.Summary.Disagreements)...)
}

// maxThreads is how many threads a note lists.
const maxThreads = 10

func (e *Events) unseenNote(all []trace.Disagreement) []string {
	if len(all) == 0 {
		return nil
	}
	note := fmt.Sprintf("%d transitions were not seen: ", len(all))
	if len(all) == 1 {
		note = "1 transition was not seen: "
	}
	for i, d := range all {
		if i == maxThreads {
			note += fmt.Sprintf(", and %d more", len(all)-i)
			break
		}
		if i > 0 {
			note += ", "
		}
		note += fmt.Sprintf("thread %d (%s) is in %s, not in %s", d.TID, text.Name(d.Comm), e.place(d.Found), e.place(d.Tracked))
	}
	return []string{Escape(note)}
}

func (e *Events) place(target trace.NS) string { return string(e.appendPlace(nil, ns.Net, target)) }

// calls are the kinds of events, in the order in which they are counted.
var calls = []trace.Call{trace.Setns, trace.Unshare, trace.Clone, trace.Move}

// tally counts events: "12 setns (3 failed), 2 unshare", "no events".
func tally(s TraceStats) string {
	var parts []string
	for _, c := range calls {
		n, failed := s.Events[c], s.Failed[c]
		switch {
		case n > 0 && failed > 0:
			parts = append(parts, fmt.Sprintf("%d %s (%d failed)", n, c, failed))
		case n > 0:
			parts = append(parts, fmt.Sprintf("%d %s", n, c))
		}
	}
	for _, k := range []lifecycle.Kind{lifecycle.Created, lifecycle.Named, lifecycle.Unnamed, lifecycle.Freed} {
		if n := s.Lives[k]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, k))
		}
	}
	if s.LeftOut > 0 {
		parts = append(parts, fmt.Sprintf("%d unshare of no namespace left out", s.LeftOut))
	}
	if len(parts) == 0 {
		return "no events"
	}
	return strings.Join(parts, ", ")
}

// lostNote returns what was lost: "nothing lost", "17 setns calls lost".
func lostNote(all []trace.Loss) string {
	var lost, unknown []string
	for _, l := range all {
		switch {
		case !l.Known:
			unknown = append(unknown, l.Kind)
		case l.Total > 0:
			lost = append(lost, lostCalls(l.Kind, l.Total))
		}
	}
	note := "nothing lost"
	if len(lost) > 0 {
		note = strings.Join(lost, ", ") + " lost"
	}
	switch {
	case len(unknown) == 0:
		return note
	case len(unknown) == len(all):
		return "how much was lost cannot be known"
	}
	return note + "; how much of " + strings.Join(unknown, ", ") + " was lost cannot be known"
}

// counted returns "1 call", "2 calls".
func counted(n int) string {
	if n == 1 {
		return "1 call"
	}
	return fmt.Sprintf("%d calls", n)
}
