// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package lifecycle

import (
	"testing"
	"time"

	"github.com/nsinspect/nsinspect/internal/bpfreader"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/trace"
)

// One call creates namespaces of several types, of which those asked for are reported; a
// number that goes from one type to another is not the same namespace.
func TestTypes(t *testing.T) {
	lists := map[ns.Type]fakeList{ns.User: {}, ns.PID: {}}
	s := &stepper{t: t, names: fakeNames{}}
	s.Watcher = newWatcher(s.names, func(typ ns.Type) ([]bpfreader.Listed, error) { return lists[typ].list(typ) }, ns.User, ns.PID)
	if err := s.begin(); err != nil {
		t.Fatal(err)
	}
	call := trace.Event{
		Call: trace.Clone, PID: 42, Flags: trace.FlagOf(ns.User) | trace.FlagOf(ns.PID) | trace.FlagOf(ns.Net),
		To: trace.Set{ns.User: {Inode: 5}, ns.PID: {Inode: 6}, ns.Net: {Inode: 7, Cookie: 8}},
	}
	s.Observe([]trace.Event{call})
	lists[ns.User][trace.NS{Inode: 5, Cookie: 100}], lists[ns.PID][trace.NS{Inode: 6, Cookie: 101}] = 1, 1
	got := s.poll(later())
	check(t, "a call", got, Created, Created)
	for _, e := range got {
		if e.By == nil || e.Cookie() != 0 || e.NS.Inode != map[ns.Type]uint64{ns.User: 5, ns.PID: 6}[e.Type] {
			t.Errorf("%+v", e)
		}
	}
	clear(lists[ns.User])
	lists[ns.PID][trace.NS{Inode: 5, Cookie: 102}] = 1
	got = s.poll(later())
	check(t, "the number goes on", got, Freed, Created)
	if len(got) == 2 && (got[0].Type != ns.User || got[1].Type != ns.PID || got[0].NS.Inode != 5 || got[1].NS.Inode != 5) {
		t.Errorf("%+v", got)
	}
	lists[ns.PID][trace.NS{Inode: 9, Cookie: 103}] = 1
	check(t, "one whose call may come", s.poll(time.Now()))
	late := trace.Event{Call: trace.Unshare, Flags: trace.FlagOf(ns.User), To: trace.Set{ns.User: {Inode: 9}}, Time: s.polled}
	s.Observe([]trace.Event{late})
	for _, e := range s.poll(later()) {
		if (e.By != nil) != (e.Type == ns.User && e.Kind == Created) {
			t.Errorf("the call that created a user namespace is taken for another's: %+v", e)
		}
	}
}

// Where the kernel has no list of a type, the calls that create namespaces are reported, and
// no more.
func TestUnlisted(t *testing.T) {
	s := newStepper(t)
	s.unlisted = []ns.Type{ns.User}
	call := unshare(trace.NS{Inode: 5, Cookie: 6})
	call.Flags |= trace.FlagOf(ns.User)
	call.To[ns.User] = trace.NS{Inode: 7}
	s.Observe([]trace.Event{call})
	s.list[call.To[ns.Net]] = 1
	check(t, "a call", s.poll(later()), Created, Created)
	check(t, "later", s.poll(later()))
	if got := s.Unlisted(); len(got) != 1 || got[0] != ns.User {
		t.Errorf("unlisted are %v", got)
	}
}
