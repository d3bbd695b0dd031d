// SPDX-License-Identifier: Apache-2.0

package render

import (
	"bytes"
	"time"

	"github.com/nsinspect/nsinspect/internal/wire"
	"github.com/nsinspect/nsinspect/pkg/owner"
	"github.com/nsinspect/nsinspect/pkg/trace"
)

// Trip is an event and, where they were folded into one, what took the thread
// back to where it came from.
type Trip struct {
	trace.Event
	Back  *trace.Event // nil if it was not folded
	Owner *owner.Owner // of the process; nil if it has none, or that is unknown
}

// Away returns how long a folded thread was away.
func (t *Trip) Away() time.Duration { return t.Back.Time.Sub(t.Time) }

// Events writes what a tracer sees as it happens: lines for people, or one JSON
// object a line. It appends to a buffer of the caller's and keeps little but how
// wide the columns have become.
type Events struct {
	json  bool
	wide  bool
	color bool
	width int // of the terminal; 0 if it is none: one line an event
	names wire.Namer
	flags map[trace.Flags][]byte
	owner map[owner.Owner][]byte // as JSON

	who, caller, call int // widths of the columns, so far

	// Used for one event, and again for the next.
	head  []byte
	cell  []byte
	whose []byte // its owner
	rest  []byte // what follows the call
	where where
}

// NewEvents returns a writer of Table, Wide or JSON.
func NewEvents(f Format, style Style, names wire.Namer) *Events {
	e := &Events{
		json: f == JSON, wide: f == Wide, color: style.Color, names: names,
		flags: map[trace.Flags][]byte{}, owner: map[owner.Owner][]byte{},
		who: 16, caller: 14, call: 44, where: where{from: leastFrom},
	}
	e.Resize(style.Width)
	return e
}

// Resize sets how wide the terminal is; 0 if it is none.
func (e *Events) Resize(width int) {
	e.width = width
	if width > 0 {
		e.width = max(width, leastWidth)
	}
}

// LeavesOut reports whether an event is left out of the lines for people: an unshare that
// named no namespace, as unshare(CLONE_FILES), and did what it was to do.
func (e *Events) LeavesOut(t *Trip) bool {
	return !e.json && !e.wide && t.Call == trace.Unshare && t.Succeeded() && len(t.Flags.Types()) == 0
}

// Append adds one event.
func (e *Events) Append(out []byte, t *Trip) []byte {
	if e.json {
		return e.appendJSON(out, t)
	}
	return e.appendLine(out, t)
}

// maxKept bounds how much is kept rendered, of flags and of owners.
const maxKept = 256

// flagText returns flags as they are written, rendered once.
func (e *Events) flagText(f trace.Flags) []byte {
	text, ok := e.flags[f]
	if ok {
		return text
	}
	if e.json {
		text = append(text, '[')
		for i, name := range f.Names() {
			if i > 0 {
				text = append(text, ',')
			}
			text = appendString(text, name)
		}
		text = append(text, ']')
	} else {
		text = []byte(f.String())
	}
	if len(e.flags) == maxKept {
		clear(e.flags)
	}
	e.flags[f] = text
	return text
}

// ownerText returns an owner as JSON, rendered once.
func (e *Events) ownerText(o *owner.Owner) []byte {
	text, ok := e.owner[*o]
	if ok {
		return text
	}
	text = bytes.TrimSuffix(appendRecord(nil, wire.NewOwner(o)), []byte("\n"))
	if len(e.owner) == maxKept {
		clear(e.owner)
	}
	e.owner[*o] = text
	return text
}
