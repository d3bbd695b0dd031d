// SPDX-License-Identifier: Apache-2.0

package render

import (
	"runtime"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/olekukonko/tablewriter/pkg/twwidth"

	"github.com/nsinspect/nsinspect/internal/text"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
	"github.com/nsinspect/nsinspect/pkg/trace"
)

const red = "\x1b[31m"

// The columns of a stream grow with what comes, up to this.
const (
	maxWho  = 28
	maxCall = 72
)

// appendLine adds one event as a line:
//
//	12:03:44.120394  ip[4242]  setns(5</run/netns/blue>, CLONE_NEWNET) = 0   host → blue (4026532177)
func (e *Events) appendLine(out []byte, t *Trip) []byte {
	ev := &t.Event
	out = appendClock(out, ev.Time)
	out = append(out, "  "...)
	e.cell = appendWho(e.cell[:0], ev.Comm, ev.PID, ev.TID)
	out = e.appendCell(out, &e.who, maxWho, "")
	out = append(out, "  "...)

	e.cell = e.appendSyscall(e.cell[:0], ev)
	color := ""
	if ev.Failed() {
		color = red
	}
	out = e.appendCell(out, &e.call, maxCall, color)
	end := len(out)
	out = append(out, "   "...)
	start := len(out)
	color = ""
	if e.color && ev.Succeeded() {
		color = cyan
		out = append(out, color...)
	}
	mark := len(out)
	out = e.appendWhere(out, ev)
	if t.Back != nil {
		out = append(out, " → "...)
		out = e.appendReturn(out, t)
	}
	out = appendOwner(out, t.Owner)
	if len(out) == mark {
		return append(trimSpaces(out[:end]), '\n')
	}
	if color != "" && len(out) > start {
		out = append(out, reset...)
	}
	return append(out, '\n')
}

// appendOwner adds which container or pod a process is of. A unit is not worth the
// space: on many machines everything is of one.
func appendOwner(out []byte, o *owner.Owner) []byte {
	if o == nil || o.ID+o.Name+o.Pod == "" {
		return out
	}
	out = append(out, "  ["...)
	out = append(out, nameOwner(o).String()...)
	return append(out, ']')
}

func trimSpaces(out []byte) []byte {
	for len(out) > 0 && out[len(out)-1] == ' ' {
		out = out[:len(out)-1]
	}
	return out
}

// appendClock adds a local time to the microsecond.
func appendClock(out []byte, t time.Time) []byte {
	return t.Local().AppendFormat(out, "15:04:05.000000")
}

// appendCell adds e.cell, filled up to the width of its column, which grows.
func (e *Events) appendCell(out []byte, width *int, most int, color string) []byte {
	w := displayWidth(e.cell)
	if w > *width {
		*width = min(w, most)
	}
	if e.color && color != "" {
		out = append(out, color...)
		out = append(out, e.cell...)
		out = append(out, reset...)
	} else {
		out = append(out, e.cell...)
	}
	for ; w < *width; w++ {
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

// appendSyscall adds the call as strace would.
func (e *Events) appendSyscall(out []byte, ev *trace.Event) []byte {
	if ev.Call == trace.Move {
		return append(out, "moved"...)
	}
	out = append(out, ev.Call.String()...)
	out = append(out, '(')
	if ev.Call == trace.Setns {
		out = strconv.AppendInt(out, int64(ev.FD), 10)
		out = appendFile(out, &ev.Via)
		out = append(out, ", "...)
	}
	out = append(out, e.flagText(ev.Flags)...)
	out = append(out, ") = "...)
	if unanswered(ev) {
		out = append(out, '?')
	} else {
		out = strconv.AppendInt(out, ev.Ret, 10)
	}
	if ev.Errno != 0 {
		out = append(out, ' ')
		out = append(out, errnoName(ev)...)
	}
	out = append(out, restarted[ev.Interrupted()]...)
	if ev.Refused {
		out = append(out, " (seccomp)"...)
	}
	if ev.ABI != "" && ev.ABI != nativeABI {
		out = append(out, " ["...)
		out = append(out, ev.ABI...)
		out = append(out, ']')
	}
	return out
}

// nativeABI is what needs no mention.
var nativeABI = map[string]string{"amd64": "x86_64", "arm64": "arm64"}[runtime.GOARCH]

// appendFile adds what a descriptor is, in angle brackets as strace does.
func appendFile(out []byte, v *trace.Via) []byte {
	switch v.Kind {
	case trace.ViaNSFS:
		if v.Path == "" {
			return out
		}
		path := v.Path
		if _, _, ok := ns.ParseLink(path); !ok { // the kernel's own text
			path = text.Name(path)
		}
		out = append(append(out, '<'), path...)
	case trace.ViaPidfd:
		out = append(out, "<pid:"...)
		out = appendID(out, v.PID)
	case trace.ViaOther:
		out = append(out, "<no namespace"...)
	default:
		return out
	}
	return append(out, '>')
}
