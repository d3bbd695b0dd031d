// SPDX-License-Identifier: Apache-2.0

package render

import (
	"encoding/base64"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/nsinspect/nsinspect/internal/text"
	"github.com/nsinspect/nsinspect/internal/wire"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/trace"
)

// wire.TraceCall is encoded by hand: there can be tens of thousands of events a
// second, and encoding/json takes several times as long. A test compares the two.

// appendJSON adds one event as an object on a line.
func (e *Events) appendJSON(out []byte, t *Trip) []byte {
	out = append(out, '{')
	out = e.appendCall(out, &t.Event)
	if t.Owner != nil {
		out = append(out, `,"owner":`...)
		out = append(out, e.ownerText(t.Owner)...)
	}
	if t.Back != nil {
		out = append(out, `,"folded":{`...)
		out = e.appendCall(out, t.Back)
		out = appendNumber(out, "away_ns", int64(t.Away()))
		out = append(out, '}')
	}
	return append(out, '}', '\n')
}

// appendCall adds the fields of one call. What is unknown is absent.
func (e *Events) appendCall(out []byte, ev *trace.Event) []byte {
	out = append(out, `"time":"`...)
	out = ev.Time.AppendFormat(out, time.RFC3339Nano)
	out = append(out, `","event":"`...)
	out = append(out, ev.Call.String()...)
	out = append(out, '"')
	out = appendPID(out, "pid", ev.PID)
	out = appendPID(out, "tid", ev.TID)
	out = appendPID(out, "ppid", ev.PPID)
	if ev.Comm != "" || ev.HasCall() {
		out = append(out, `,"comm":`...)
		out = appendString(out, ev.Comm)
		out = appendRaw(out, "comm_base64", ev.Comm)
	}
	if ev.UID >= 0 {
		out = appendNumber(out, "uid", int64(ev.UID))
	}
	if ev.HasCall() {
		out = append(out, `,"flags":`...)
		out = append(out, e.flagText(ev.Flags)...)
	}
	if ev.Call == trace.Setns {
		out = appendNumber(out, "fd", int64(ev.FD))
	}
	out = appendVia(out, &ev.Via)
	if ev.HasCall() && !unanswered(ev) {
		out = appendNumber(out, "ret", ev.Ret)
	}
	if ev.Errno != 0 {
		field := `,"errno":"`
		if ev.Interrupted() != "" {
			field = `,"interrupted":"`
		}
		out = append(out, field...)
		out = append(out, errnoName(ev)...)
		out = append(out, '"')
	}
	out = appendPID(out, "child", ev.Child)
	if ev.Duration > 0 {
		out = appendNumber(out, "duration_ns", int64(ev.Duration))
	}
	types := ev.Types()
	out = e.appendSet(out, "from", types, &ev.From)
	out = e.appendSet(out, "to", types, &ev.To)
	out = e.appendTarget(out, ev)
	if ev.ABI != "" {
		out = append(out, `,"abi":`...)
		out = appendString(out, ev.ABI)
	}
	if ev.Partial {
		out = append(out, `,"partial":true`...)
	}
	if ev.Refused {
		out = append(out, `,"refused":true`...)
	}
	out = e.appendReasonJSON(out, ev)
	if ev.Answered {
		out = append(out, `,"answered":true`...)
	}
	return out
}

func appendVia(out []byte, v *trace.Via) []byte {
	if v.Kind == trace.ViaNone {
		return out
	}
	out = append(out, `,"via":{"kind":"`...)
	out = append(out, v.Kind...)
	out = append(out, '"')
	if v.Path != "" {
		out = append(out, `,"path":`...)
		out = appendString(out, v.Path)
		out = appendRaw(out, "path_base64", v.Path)
	}
	out = appendPID(out, "pid", v.PID)
	return append(out, '}')
}

// appendTarget adds what a setns was to enter: one namespace, or those of a process.
func (e *Events) appendTarget(out []byte, ev *trace.Event) []byte {
	t := ev.Target.Type
	switch {
	case ev.Via.Kind == trace.ViaPidfd:
		return e.appendSet(out, "targets", ev.Flags.Types(), &ev.Target.NS)
	case int(t) < len(ev.Target.NS) && ev.Target.NS[t].Inode != 0:
		out = append(out, `,"target":`...)
		return e.appendRef(out, t, ev.Target.NS[t])
	}
	return out
}

// appendSet adds the known namespaces of some types.
func (e *Events) appendSet(out []byte, field string, types []ns.Type, set *trace.Set) []byte {
	some := false
	for _, t := range types {
		if set[t].Inode == 0 {
			continue
		}
		if !some {
			out = append(out, ',', '"')
			out = append(out, field...)
			out = append(out, `":{"`...)
		} else {
			out = append(out, ',', '"')
		}
		some = true
		out = append(out, t.String()...)
		out = append(out, `":`...)
		out = e.appendRef(out, t, set[t])
	}
	if some {
		out = append(out, '}')
	}
	return out
}

// appendRef adds a reference to a namespace, as wire.Ref.
func (e *Events) appendRef(out []byte, t ns.Type, ns trace.NS) []byte {
	out = append(out, `{"type":"`...)
	out = append(out, t.String()...)
	out = append(out, `","inode":`...)
	out = strconv.AppendUint(out, ns.Inode, 10)
	if ns.Cookie != 0 {
		out = append(out, `,"cookie":`...)
		out = strconv.AppendUint(out, ns.Cookie, 10)
	}
	if e.names.Initial(t, ns) {
		out = append(out, `,"initial":true`...)
	}
	if names := e.names.Names(t, ns); len(names) > 0 && names[0] != "" {
		out = append(out, `,"name":`...)
		out = appendString(out, names[0])
		out = appendRaw(out, "name_base64", names[0])
	}
	return append(out, '}')
}

// appendPID adds the number of a process or thread, which is never 0.
func appendPID(out []byte, field string, pid int) []byte {
	if pid == 0 {
		return out
	}
	return appendNumber(out, field, int64(pid))
}

func appendNumber(out []byte, field string, n int64) []byte {
	out = append(out, ',', '"')
	out = append(out, field...)
	out = append(out, '"', ':')
	return strconv.AppendInt(out, n, 10)
}

// appendRaw adds the bytes of a string that is not UTF-8.
func appendRaw(out []byte, field, s string) []byte {
	if utf8.ValidString(s) {
		return out
	}
	out = append(out, ',', '"')
	out = append(out, field...)
	out = append(out, '"', ':', '"')
	out = base64.StdEncoding.AppendEncode(out, []byte(s))
	return append(out, '"')
}

// appendString adds a JSON string, as encode writes it: hidden characters as
// \u escapes, what is not UTF-8 as U+FFFD.
func appendString(out []byte, s string) []byte {
	out = append(out, '"')
	start := 0 // of what needs no escape
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf {
			if c >= ' ' && c != '"' && c != '\\' && c != 0x7f {
				i++
				continue
			}
			out = append(out, s[start:i]...)
			out = appendEscape(out, c)
			i++
			start = i
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		broken := r == utf8.RuneError && size == 1
		if !broken && !text.Hidden(r) {
			i += size
			continue
		}
		out = append(out, s[start:i]...)
		out = wire.AppendEscape(out, r)
		i += size
		start = i
	}
	out = append(out, s[start:]...)
	return append(out, '"')
}

// appendEscape adds an ASCII character that may not stand in a string as it is.
func appendEscape(out []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(out, '\\', c)
	case '\b':
		return append(out, `\b`...)
	case '\f':
		return append(out, `\f`...)
	case '\n':
		return append(out, `\n`...)
	case '\r':
		return append(out, `\r`...)
	case '\t':
		return append(out, `\t`...)
	}
	return wire.AppendEscape(out, rune(c))
}
