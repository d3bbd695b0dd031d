// SPDX-License-Identifier: Apache-2.0

package render

import (
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/olekukonko/tablewriter/pkg/twwidth"

	"github.com/nsinspect/nsinspect/internal/text"
	"github.com/nsinspect/nsinspect/pkg/owner"
	"github.com/nsinspect/nsinspect/pkg/trace"
)

const red = "\x1b[31m"

// The columns of a stream grow with what comes, up to this.
const (
	maxWho    = 28
	maxCaller = 24
	maxCall   = 72
	maxFrom   = 24
)

// whereRoom is how many columns of a terminal the column of calls leaves for a change:
// "net    4026531833 → blue (4026532177)" and what separates it.
const whereRoom = 40

// A terminal that is not wider than narrow has room for what "host" and inodes need
// before an arrow.
const (
	leastFrom = 10
	narrow    = 120
)

// appendLine adds one event as a line:
//
//	12:03:44.120394  ip[4242]  setns(5</run/netns/blue>, CLONE_NEWNET) = 0   net    host       → blue (4026532177)
//
// or, where that is wider than the terminal, as several: see appendLines.
func (e *Events) appendLine(out []byte, t *Trip) []byte {
	e.head = e.appendHead(e.head[:0], &t.Event)
	column := displayWidth(e.head)
	e.cell = e.appendSyscall(e.cell[:0], &t.Event)
	e.whose = e.appendOwner(e.whose[:0], t.Owner)
	e.where.read(e, t)
	e.rest = e.appendRest(e.rest[:0])
	if !e.fits(column) {
		return e.appendLines(out, &t.Event, column)
	}
	out = append(out, e.head...)
	if len(e.rest) == 0 {
		return append(e.paint(out, e.cell, callColor(&t.Event)), '\n')
	}
	out = e.appendCell(out, &e.call, e.mostCall(column), callColor(&t.Event))
	out = append(out, "   "...)
	where := len(e.rest) - len(e.whose)
	out = e.paint(out, e.rest[:where], whereColor(&t.Event))
	return append(append(out, e.rest[where:]...), '\n')
}

// appendRest adds what follows the call in a line: the changes, and the owner.
func (e *Events) appendRest(out []byte) []byte {
	out = e.where.appendAll(out, e.mostFrom())
	if len(out) > 0 && len(e.whose) > 0 {
		out = append(out, "  "...)
	}
	return append(out, e.whose...)
}

// appendHead adds what a line begins with: the time and the caller.
func (e *Events) appendHead(out []byte, ev *trace.Event) []byte {
	out = appendClock(out, ev.Time)
	out = append(out, "  "...)
	e.cell = appendWho(e.cell[:0], ev.Comm, ev.PID, ev.TID)
	out = e.appendCell(out, &e.who, maxWho, "")
	out = append(out, "  "...)
	if !e.wide {
		return out
	}
	e.cell = append(e.cell[:0], "ppid "...)
	e.cell = appendID(e.cell, ev.PPID)
	e.cell = append(e.cell, " uid "...)
	if ev.UID < 0 {
		e.cell = append(e.cell, '?')
	} else {
		e.cell = strconv.AppendInt(e.cell, int64(ev.UID), 10)
	}
	out = e.appendCell(out, &e.caller, maxCaller, "")
	return append(out, "  "...)
}

// mostCall returns how wide the column of calls may become: on a terminal a change is
// to have room beside it.
func (e *Events) mostCall(column int) int {
	if e.width == 0 {
		return maxCall
	}
	return max(0, min(maxCall, e.width-column-whereRoom))
}

// mostFrom returns how wide the column before an arrow may become.
func (e *Events) mostFrom() int {
	if e.width == 0 {
		return maxFrom
	}
	return max(leastFrom, min(maxFrom, e.width-narrow+leastFrom))
}

// fits reports whether an event, whose call begins at a column, is to be one line: it is
// not wider than the terminal, and its call not than its column, after which changes stand.
func (e *Events) fits(column int) bool {
	call, most := displayWidth(e.cell), e.mostCall(column)
	switch {
	case e.width == 0:
		return true
	case len(e.rest) == 0:
		return column+call <= e.width
	}
	return call <= most && column+max(call, min(e.call, most))+3+displayWidth(e.rest) <= e.width
}

// callColor returns the color of a call.
func callColor(ev *trace.Event) string {
	if ev.Failed() || ev.Answered {
		return red
	}
	return ""
}

// whereColor returns the color of what became of the namespaces.
func whereColor(ev *trace.Event) string {
	if ev.Succeeded() {
		return cyan
	}
	return ""
}

// paint adds text in a color, "" for none.
func (e *Events) paint(out, text []byte, color string) []byte {
	if !e.color || color == "" || len(text) == 0 {
		return append(out, text...)
	}
	out = append(out, color...)
	out = append(out, text...)
	return append(out, reset...)
}

// appendOwner adds which container or pod a process is of. A unit is in the wide format
// alone: on many machines everything is of one.
func (e *Events) appendOwner(out []byte, o *owner.Owner) []byte {
	if o == nil || o.ID+o.Name+o.Pod == "" && !e.wide {
		return out
	}
	out = append(out, '[')
	out = append(out, nameOwner(o).String()...)
	return append(out, ']')
}

// appendClock adds a local time to the microsecond.
func appendClock(out []byte, t time.Time) []byte {
	return t.Local().AppendFormat(out, "15:04:05.000000")
}

// appendCell adds e.cell, filled up to the width of its column, which grows up to most.
func (e *Events) appendCell(out []byte, width *int, most int, color string) []byte {
	w := displayWidth(e.cell)
	if w > *width {
		*width = max(*width, min(w, most))
	}
	out = e.paint(out, e.cell, color)
	return appendSpaces(out, min(*width, most)-w)
}

func appendSpaces(out []byte, n int) []byte {
	for ; n > 0; n-- {
		out = append(out, ' ')
	}
	return out
}

func displayWidth(text []byte) int {
	for _, c := range text {
		if c >= utf8.RuneSelf {
			return twwidth.Width(string(text))
		}
	}
	return len(text)
}

// appendWho adds "agent[500/512]", the thread only where it is not the first one.
func appendWho(out []byte, comm string, pid, tid int) []byte {
	if comm != "" {
		out = append(out, text.Name(comm)...)
	}
	out = append(out, '[')
	out = appendID(out, pid)
	if tid != pid {
		out = append(out, '/')
		out = appendID(out, tid)
	}
	return append(out, ']')
}

// appendID adds a PID, "?" for one that our PID namespace does not show.
func appendID(out []byte, pid int) []byte {
	if pid == 0 {
		return append(out, '?')
	}
	return strconv.AppendInt(out, int64(pid), 10)
}
