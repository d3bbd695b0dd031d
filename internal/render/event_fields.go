// SPDX-License-Identifier: Apache-2.0

package render

import (
	"io"
	"slices"
	"strings"
	"time"

	"github.com/nsinspect/nsinspect/internal/filter"
	"github.com/nsinspect/nsinspect/internal/wire"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
	"github.com/nsinspect/nsinspect/pkg/trace"
	"github.com/nsinspect/nsinspect/pkg/trace/lifecycle"
)

// Traced is what a filter of trace is asked about: a call, or what has become of a
// network namespace.
type Traced struct {
	Call  *trace.Event // of Life the call that created the namespace; nil if that is unknown
	Owner *owner.Owner // of the process of Call; nil if it has none
	Life  *lifecycle.Event
	Names wire.Namer
}

// Value returns a field of it.
func (t *Traced) Value(name string) filter.Value {
	f := eventFieldsByName.get()[name]
	switch {
	case f.life != nil && t.Life != nil:
		return f.life(t.Life)
	case f.call == nil || t.Call == nil || t.Life != nil && !f.creator:
		return filter.Value{}
	}
	return f.call(t)
}

// eventField is what a filter of trace can be about, by its path in JSON.
type eventField struct {
	path    string
	kind    filter.Kind
	help    string
	call    func(*Traced) filter.Value          // of a call; nil for what it has not
	life    func(*lifecycle.Event) filter.Value // of a namespace; nil for what it has not
	creator bool                                // of a namespace it is that of the call that created it
}

// eventFields is the one table of fields of trace: adding one is a row.
var eventFields = []eventField{
	{"event", filter.Text, "setns, unshare, clone or move; created, named, unnamed or freed", func(t *Traced) filter.Value { return filter.Texts(t.Call.Call.String()) }, func(l *lifecycle.Event) filter.Value { return filter.Texts(string(l.Kind)) }, false},
	{"pid", filter.Number, "process of the caller", func(t *Traced) filter.Value { return filter.Positive(t.Call.PID) }, nil, true},
	{"tid", filter.Number, "thread of the caller", func(t *Traced) filter.Value { return filter.Positive(t.Call.TID) }, nil, true},
	{"ppid", filter.Number, "parent of the caller", func(t *Traced) filter.Value { return filter.Positive(t.Call.PPID) }, nil, true},
	{"comm", filter.Text, "name of the calling thread", func(t *Traced) filter.Value { return filter.Texts(t.Call.Comm) }, nil, true},
	{"uid", filter.Number, "effective user of the caller", func(t *Traced) filter.Value { return atLeastZero(int64(t.Call.UID), t.Call.UID >= 0) }, nil, true},
	{"owner", filter.Text, "container, pod or unit of the caller, as printed, or a part of that", func(t *Traced) filter.Value { return ownerTexts(t.Owner) }, nil, true},
	{"flags", filter.Text, "each flag, as CLONE_NEWNET", func(t *Traced) filter.Value { return filter.Texts(t.Call.Flags.Names()...) }, nil, false},
	{"types", filter.Text, "types of namespaces that the call is about, as net", func(t *Traced) filter.Value { return typeTexts(t.Call) }, func(l *lifecycle.Event) filter.Value { return filter.Texts(l.Type.String()) }, false},
	{"fd", filter.Number, "descriptor that setns was given", func(t *Traced) filter.Value { return atLeastZero(int64(t.Call.FD), t.Call.Call == trace.Setns) }, nil, false},
	{"via.kind", filter.Text, "what that is: nsfs, pidfd or other", func(t *Traced) filter.Value { return filter.Texts(string(t.Call.Via.Kind)) }, nil, false},
	{"via.path", filter.Text, "its path", func(t *Traced) filter.Value { return filter.Texts(t.Call.Via.Path) }, nil, false},
	{"via.pid", filter.Number, "the process of a pidfd", func(t *Traced) filter.Value { return filter.Positive(t.Call.Via.PID) }, nil, false},
	{"ret", filter.Number, "what the call returned", func(t *Traced) filter.Value { return atLeastZero(t.Call.Ret, t.Call.HasCall() && !unanswered(t.Call)) }, nil, false},
	{"errno", filter.Text, "why it failed, as EPERM", func(t *Traced) filter.Value { return errnoText(t.Call, false) }, nil, false},
	{"interrupted", filter.Text, "what a signal ended it with, as ERESTARTSYS", func(t *Traced) filter.Value { return errnoText(t.Call, true) }, nil, false},
	{"failed", filter.Bool, "it was refused", func(t *Traced) filter.Value { return filter.Yes(t.Call.Failed()) }, nil, false},
	{"refused", filter.Bool, "by a seccomp filter", func(t *Traced) filter.Value { return filter.Yes(t.Call.Refused) }, nil, false},
	{"answered", filter.Bool, "a seccomp filter answered it", func(t *Traced) filter.Value { return filter.Yes(t.Call.Answered) }, nil, false},
	{"partial", filter.Bool, "only its end was seen", func(t *Traced) filter.Value { return filter.Yes(t.Call.Partial) }, nil, false},
	{"reason.kind", filter.Text, "what was in the way, as capability or limit", func(t *Traced) filter.Value { return filter.Texts(string(t.Call.Reason.Kind)) }, nil, false},
	{"reason.capability", filter.Text, "the capability that is missing", func(t *Traced) filter.Value { return filter.Texts(t.Call.Reason.Capability) }, nil, false},
	{"reason.limit", filter.Text, "the limit that is reached", func(t *Traced) filter.Value { return filter.Texts(t.Call.Reason.Limit) }, nil, false},
	{"child", filter.Number, "the process that a clone made", func(t *Traced) filter.Value { return filter.Positive(t.Call.Child) }, nil, false},
	{"duration", filter.Span, "how long the call took", func(t *Traced) filter.Value { return lasting(t.Call.Duration) }, nil, false},
	{"abi", filter.Text, "x86_64, i386, x32, arm64 or arm", func(t *Traced) filter.Value { return filter.Texts(t.Call.ABI) }, nil, false},
	{"names", filter.Text, "names of every namespace in it", (*Traced).allNames, func(l *lifecycle.Event) filter.Value { return filter.Texts(l.Names...) }, false},
	{"inode", filter.Number, "of a created, named, unnamed or freed namespace", nil, func(l *lifecycle.Event) filter.Value { return filter.Of(l.NS.Inode) }, false},
	{"cookie", filter.Number, "of such a network namespace", nil, func(l *lifecycle.Event) filter.Value { return filter.Positive(l.Cookie()) }, false},
	{"lifetime", filter.Span, "how long a freed one existed at most", nil, func(l *lifecycle.Event) filter.Value { return lasting(l.Lived) }, false},
}

// eventFieldsByName has every field of trace, those of namespaces by type too.
var eventFieldsByName = lazy[map[string]*eventField]{make: func() map[string]*eventField {
	all := map[string]*eventField{}
	for i := range eventFields {
		all[eventFields[i].path] = &eventFields[i]
	}
	for _, set := range eventSets {
		for _, t := range ns.Types() {
			before := set.name + "." + t.String() + "."
			all[before+"inode"] = &eventField{kind: filter.Number, call: func(e *Traced) filter.Value { return filter.Positive(set.of(e.Call)[t].Inode) }}
			all[before+"cookie"] = &eventField{kind: filter.Number, call: func(e *Traced) filter.Value { return filter.Positive(set.of(e.Call)[t].Cookie) }}
			all[before+"name"] = &eventField{kind: filter.Text, call: func(e *Traced) filter.Value { return filter.Texts(e.namesOf(set.of(e.Call), t)...) }}
		}
	}
	return all
}}

// eventSets are the namespaces of a call.
var eventSets = []struct {
	name string
	help string
	of   func(*trace.Event) *trace.Set
}{
	{"from", "a namespace that the caller was in, as from.net.name", func(e *trace.Event) *trace.Set { return &e.From }},
	{"to", "one that it, or its child, is in then", func(e *trace.Event) *trace.Set { return &e.To }},
	{"target", "one that setns was to enter", func(e *trace.Event) *trace.Set { return &e.Target.NS }},
}

// EventFields returns the fields that a filter of trace may name, sorted.
func EventFields() []filter.Field {
	var all []filter.Field
	for name, f := range eventFieldsByName.get() {
		all = append(all, filter.Field{Name: name, Kind: f.kind})
	}
	slices.SortFunc(all, func(a, b filter.Field) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// EventFieldsHelp writes what fields there are.
func EventFieldsHelp(w io.Writer, style Style) error {
	t := &table{columns: []column{{title: "FIELD"}, {title: "KIND"}, {title: "WHAT", least: 16}}}
	for i := range eventFields {
		f := &eventFields[i]
		t.add("", f.path, f.kind.String(), f.help)
	}
	for _, set := range eventSets {
		t.add("", set.name+".TYPE.inode", filter.Number.String(), set.help)
		t.add("", set.name+".TYPE.cookie", filter.Number.String(), "")
		t.add("", set.name+".TYPE.name", filter.Text.String(), "")
	}
	return t.write(w, style)
}

func (t *Traced) namesOf(s *trace.Set, of ns.Type) []string {
	if s[of].Inode == 0 {
		return nil
	}
	return t.Names.Names(of, s[of])
}

// allNames returns the names of the namespaces of the types that a call is about.
func (t *Traced) allNames() filter.Value {
	var all []string
	for _, of := range t.Call.Types() {
		for _, set := range eventSets {
			all = append(all, t.namesOf(set.of(t.Call), of)...)
		}
	}
	return filter.Texts(all...)
}

func typeTexts(e *trace.Event) filter.Value {
	var all []string
	for _, t := range e.Types() {
		named := e.Flags&trace.FlagOf(t) != 0 || e.Via.Kind == trace.ViaNSFS && e.Target.Type == t
		if named || e.Moved(t) { // net is among the types of every event
			all = append(all, t.String())
		}
	}
	return filter.Texts(all...)
}

func errnoText(e *trace.Event, interrupted bool) filter.Value {
	if e.Errno == 0 || (e.Interrupted() != "") != interrupted {
		return filter.Value{}
	}
	return filter.Texts(errnoName(e))
}

func atLeastZero(n int64, known bool) filter.Value {
	if !known {
		return filter.Value{}
	}
	return filter.Of(n)
}

func lasting(d time.Duration) filter.Value {
	if d <= 0 {
		return filter.Value{}
	}
	return filter.Lasting(d)
}

// ownerTexts returns an owner as it is printed and, unless it is only a user's word, by each
// of its parts too.
func ownerTexts(o *owner.Owner) filter.Value {
	if o == nil {
		return filter.Value{}
	}
	all := []string{o.String()}
	if o.Authority.Trusted {
		if o.Unit != "" {
			all = append(all, "unit:"+o.Unit)
		}
		for _, part := range ownerParts {
			all = append(all, part.of(o))
		}
	}
	return filter.Texts(all...)
}
