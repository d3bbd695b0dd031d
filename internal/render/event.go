// SPDX-License-Identifier: Apache-2.0

package render

import (
	"bytes"
	"cmp"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

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
	color bool
	names wire.Namer
	flags map[trace.Flags][]byte
	owner map[owner.Owner][]byte // as JSON
	who   int                    // width of the column, so far
	call  int
	cell  []byte
}

// NewEvents returns a writer of Table or JSON.
func NewEvents(f Format, style Style, names wire.Namer) *Events {
	return &Events{
		json: f == JSON, color: style.Color, names: names,
		flags: map[trace.Flags][]byte{}, owner: map[owner.Owner][]byte{}, who: 16, call: 44,
	}
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

// unanswered reports whether a call returned nothing to its program: a seccomp filter ended
// it with a signal, or a signal interrupted it.
func unanswered(ev *trace.Event) bool {
	return ev.Refused && ev.Errno == 0 || ev.Interrupted() != ""
}

// restarted is what strace(1) adds to the name of what interrupted a call.
var restarted = map[string]string{
	"ERESTARTSYS":           " (To be restarted if SA_RESTART is set)",
	"ERESTARTNOINTR":        " (To be restarted)",
	"ERESTARTNOHAND":        " (To be restarted if no handler)",
	"ERESTART_RESTARTBLOCK": " (Interrupted by signal)",
}

// errnoName returns "EPERM", or a number for what has no name: a seccomp filter
// may return any.
func errnoName(ev *trace.Event) string {
	return cmp.Or(ev.Interrupted(), unix.ErrnoName(ev.Errno), "errno "+strconv.Itoa(int(ev.Errno)))
}
