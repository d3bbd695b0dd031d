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

// What stands between the namespace that a thread was in and the one that it entered,
// was refused, or was in already.
const (
	entered = " → "
	refused = " ↛ "
	already = " (no change)"
)

// where is what became of the namespaces of one event's thread. It is used again for
// the next event.
type where struct {
	changes []change
	text    []byte // of all changes
	note    []byte // what is to be added after the last one
	from    int    // width of the column of the namespaces left, so far
}

// change is what became of the namespace of one type; ends are those in where.text.
type change struct {
	word             string // of the type
	arrow            string
	start, from, end int // "host" from start to from, "blue (4026532177)" from there to end
	width            int // of what was left
}

// read fills it with an event.
func (w *where) read(e *Events, t *Trip) {
	ev := &t.Event
	w.changes, w.text, w.note = w.changes[:0], w.text[:0], w.note[:0]
	if ev.Interrupted() != "" {
		return // once more, or not at all
	}
	asked := asked(ev)
	for _, typ := range ev.Types() {
		lost := ev.Succeeded() && ev.To[typ].Inode == 0 && slices.Contains(asked, typ)
		if !ev.Moved(typ) && !lost {
			continue
		}
		w.add(e, ev, typ, entered, ev.To[typ])
		if t.Back != nil {
			w.text = append(w.text, entered...)
			w.text = e.appendPlace(w.text, typ, t.Back.To[typ])
			w.changes[len(w.changes)-1].end = len(w.text)
		}
	}
	if len(w.changes) == 0 && ev.Call == trace.Setns {
		w.readStay(e, ev, asked)
	}
	if t.Back != nil {
		w.note = append(w.note, "after "...)
		w.note = append(w.note, t.Away().Round(time.Microsecond).String()...)
	}
	w.note = e.appendReason(w.note, ev)
	if ev.Partial {
		w.note = append(w.note, "(only the end of the call was seen)"...)
	}
}

// readStay fills it with a setns that changed nothing.
func (w *where) readStay(e *Events, ev *trace.Event, types []ns.Type) {
	for _, typ := range types {
		switch to := ev.Target.NS[typ]; {
		case ev.Failed() && to.Inode != 0:
			w.add(e, ev, typ, refused, to)
		case ev.Succeeded() && ev.From[typ].Inode != 0:
			w.add(e, ev, typ, already, trace.NS{})
		}
	}
}

// asked returns the types that a call was to change: those of its flags, or of
// the file it was given. A pidfd has none without flags; of what is unknown otherwise it is net.
func asked(ev *trace.Event) []ns.Type {
	t := ev.Target.Type
	if ev.Via.Kind == trace.ViaNSFS && int(t) < len(ev.Target.NS) && ev.Target.NS[t].Inode != 0 {
		return []ns.Type{t}
	}
	if types := ev.Flags.Types(); len(types) > 0 || ev.Via.Kind == trace.ViaPidfd {
		return types
	}
	return []ns.Type{ns.Net}
}

// add adds a change.
func (w *where) add(e *Events, ev *trace.Event, t ns.Type, arrow string, to trace.NS) {
	c := change{word: typeWord(ev.Call, t), arrow: arrow, start: len(w.text)}
	w.text = e.appendPlace(w.text, t, ev.From[t])
	c.from = len(w.text)
	c.width = displayWidth(w.text[c.start:])
	if arrow != already {
		w.from = max(w.from, min(c.width, maxFrom))
		w.text = e.appendPlace(w.text, t, to)
	}
	c.end = len(w.text)
	w.changes = append(w.changes, c)
}

// typeWord returns which type a namespace is of. A caller stays in its PID and time
// namespaces itself: it moves its next children.
func typeWord(c trace.Call, t ns.Type) string {
	switch {
	case t == ns.PID && c != trace.Clone:
		return "pid_for_children"
	case t == ns.Time && c != trace.Clone:
		return "time_for_children"
	}
	return t.String()
}

// wordWidth is the width of most types' word.
const wordWidth = len("cgroup")

// wordsWidth returns the width of the column of words.
func (w *where) wordsWidth() int {
	width := wordWidth
	for i := range w.changes {
		width = max(width, len(w.changes[i].word))
	}
	return width
}

// appendChange adds one change, with a column of words and one of what was left.
func (w *where) appendChange(out []byte, i, words, from int) []byte {
	c := &w.changes[i]
	out = append(out, c.word...)
	out = appendSpaces(out, words-len(c.word)+1)
	out = append(out, w.text[c.start:c.from]...)
	if c.arrow != already {
		out = appendSpaces(out, from-c.width)
	}
	out = append(out, c.arrow...)
	return append(out, w.text[c.from:c.end]...)
}

// appendAll adds all changes. The arrow of one that is alone stands in a column, which
// is at most so wide.
func (w *where) appendAll(out []byte, most int) []byte {
	words, from := 0, 0
	if len(w.changes) == 1 {
		words = w.wordsWidth()
		from = min(w.from, most) - (words - wordWidth) // a long word leaves less to fill
	}
	for i := range w.changes {
		if i > 0 {
			out = append(out, ", "...)
		}
		out = w.appendChange(out, i, max(words, len(w.changes[i].word)), from)
	}
	if len(w.note) > 0 {
		if len(w.changes) > 0 {
			out = append(out, ' ')
		}
		out = append(out, w.note...)
	}
	return out
}

// fromWidth returns how wide the column before the arrows is where each change has a
// line of so many columns: that of the stream, or where the event does not fit so, a
// narrower one. It reports whether each fits then.
func (w *where) fromWidth(room int) (from int, fits bool) {
	own, other, words := 0, 0, w.wordsWidth()
	for i := range w.changes {
		c := &w.changes[i]
		own = max(own, c.width)
		other = max(other, displayWidth([]byte(c.arrow))+displayWidth(w.text[c.from:c.end]))
	}
	stream := w.from
	if len(w.changes) == 1 {
		stream -= words - wordWidth
	}
	for _, from := range []int{stream, leastFrom} {
		if words+1+max(from, own)+other <= room {
			return from, true
		}
	}
	return own, words+1+own+other <= room
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
