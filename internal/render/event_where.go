// SPDX-License-Identifier: Apache-2.0

package render

import (
	"slices"
	"strconv"
	"time"

	"github.com/nsinspect/nsinspect/internal/text"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/trace"
)

// appendWhere adds where the thread went, or stayed.
func (e *Events) appendWhere(out []byte, ev *trace.Event) []byte {
	mark := len(out)
	if ev.Call == trace.Clone && ev.Succeeded() && ev.Child != 0 {
		out = append(out, "child "...)
		out = strconv.AppendInt(out, int64(ev.Child), 10)
		out = append(out, ": "...)
	}
	if ev.Interrupted() != "" {
		return out // once more, or not at all
	}
	before := len(out)
	asked := asked(ev)
	for _, t := range ev.Types() {
		lost := ev.Succeeded() && ev.To[t].Inode == 0 && slices.Contains(asked, t)
		if !ev.Moved(t) && !lost {
			continue
		}
		if len(out) > before {
			out = append(out, ", "...)
		}
		out = e.appendType(out, ev.Call, t)
		out = e.appendPlace(out, t, ev.From[t])
		out = append(out, " → "...)
		out = e.appendPlace(out, t, ev.To[t])
	}
	if len(out) == before {
		out = e.appendStay(out[:mark], ev, asked)
	}
	if ev.Partial {
		out = append(out, " (only the end of the call was seen)"...)
	}
	return out
}

// asked returns the types that a call was to change: those of its flags, or of
// the file it was given; net if neither has one.
func asked(ev *trace.Event) []ns.Type {
	t := ev.Target.Type
	if ev.Via.Kind == trace.ViaNSFS && int(t) < len(ev.Target.NS) && ev.Target.NS[t].Inode != 0 {
		return []ns.Type{t}
	}
	if types := ev.Flags.Types(); len(types) > 0 {
		return types
	}
	return []ns.Type{ns.Net}
}

// appendStay adds where a thread still is, and what was refused to it.
func (e *Events) appendStay(out []byte, ev *trace.Event, types []ns.Type) []byte {
	mark := len(out)
	out = e.appendPlaces(out, "stays in ", ev.Call, types, &ev.From)
	if !ev.Failed() {
		return out
	}
	lead := ", refused "
	if len(out) == mark {
		lead = lead[len(", "):]
	}
	return e.appendPlaces(out, lead, ev.Call, types, &ev.Target.NS)
}

// appendPlaces adds those namespaces of a set that are known.
func (e *Events) appendPlaces(out []byte, lead string, c trace.Call, types []ns.Type, set *trace.Set) []byte {
	sep := lead
	for _, t := range types {
		if set[t].Inode == 0 {
			continue
		}
		out = append(out, sep...)
		out = e.appendType(out, c, t)
		out = e.appendPlace(out, t, set[t])
		sep = ", "
	}
	return out
}

// appendType adds which type a namespace is of, unless it is net. A caller stays
// in its PID and time namespaces itself: it moves its next children.
func (e *Events) appendType(out []byte, c trace.Call, t ns.Type) []byte {
	if t == ns.Net {
		return out
	}
	out = append(out, t.String()...)
	if (t == ns.PID || t == ns.Time) && c != trace.Clone {
		out = append(out, "_for_children"...)
	}
	return append(out, ' ')
}

// appendPlace adds a namespace: "host", "blue (4026532177)" or its inode.
func (e *Events) appendPlace(out []byte, t ns.Type, ns trace.NS) []byte {
	if ns.Inode == 0 {
		return append(out, '?')
	}
	if e.names.Initial(t, ns) {
		return append(out, "host"...)
	}
	names := e.names.Names(t, ns)
	switch len(names) {
	case 0:
	case 1:
		out = append(out, text.Name(names[0])...)
	default:
		out = append(out, joinNames(names)...)
	}
	if len(names) > 0 {
		out = append(out, " ("...)
	}
	out = strconv.AppendUint(out, ns.Inode, 10)
	if len(names) > 0 {
		out = append(out, ')')
	}
	return out
}

// joinNames lists names in a cell: "blue,green".
func joinNames(names []string) string {
	return text.JoinFunc(len(names), func(i int) string { return text.Name(names[i]) }, ",")
}

// appendReturn adds the way back of a round trip.
func (e *Events) appendReturn(out []byte, t *Trip) []byte {
	first := true
	for _, typ := range t.Types() {
		if !t.Moved(typ) {
			continue
		}
		if !first {
			out = append(out, ", "...)
		}
		first = false
		out = e.appendType(out, t.Call, typ)
		out = e.appendPlace(out, typ, t.Back.To[typ])
	}
	out = append(out, " after "...)
	return append(out, t.Away().Round(time.Microsecond).String()...)
}
