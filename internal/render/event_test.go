// SPDX-License-Identifier: Apache-2.0

package render

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/wire"
	"github.com/nsinspect/nsinspect/internal/wire/wiretest"
	"github.com/nsinspect/nsinspect/pkg/trace"
	"github.com/nsinspect/nsinspect/pkg/trace/lifecycle"
)

// The whole stream as people read it, with hostile text: piped, and at a terminal.
func TestEventLines(t *testing.T) {
	defer func(l *time.Location) { time.Local = l }(time.Local)
	time.Local = time.UTC
	for name, width := range map[string]int{"events": 0, "events-80": 80, "events-120": 120, "events-200": 200} {
		golden(t, "testdata/"+name+".txt", stream(Table, width))
	}
	golden(t, "testdata/events-wide.txt", stream(Wide, 0))
}

// stream returns all trips and what else is among them, for a terminal so wide.
func stream(f Format, width int) string {
	var out []byte
	e := NewEvents(f, Style{Width: width}, fakeNames{blue.Inode: {"blue", "a\x1b[31m"}})
	for _, c := range trips() {
		out = e.Append(out, &c.trip)
	}
	out = e.Life(out, &lifecycle.Event{Kind: lifecycle.Named, Time: noon, NS: blue, Names: []string{"blue", strings.Repeat("blue", 50)}})
	out = e.Lost(out, noon, trace.Loss{Kind: "setns", Total: 17, Known: true}, 16)
	out = e.Lost(out, noon, trace.Loss{Kind: "setns", Total: 17, Known: true}, 0)
	out = e.Lost(out, noon, trace.Loss{Kind: "unknown", Total: 1, Known: true}, 1)
	out = e.Lost(out, noon, trace.Loss{Kind: "clone"}, 0)
	return string(out)
}

// What names no namespace is left out of the lines for people, unless it failed.
func TestEventsLeftOut(t *testing.T) {
	quiet := Trip{Event: trace.Event{Call: trace.Unshare, Flags: unix.CLONE_FILES}}
	failed := quiet
	failed.Errno = unix.EPERM
	named := quiet
	named.Flags |= unix.CLONE_NEWNET
	for f, want := range map[Format][3]bool{Table: {true}, Wide: {}, JSON: {}} {
		e := NewEvents(f, Style{}, nil)
		if got := [3]bool{e.LeavesOut(&quiet), e.LeavesOut(&failed), e.LeavesOut(&named)}; got != want {
			t.Errorf("%s leaves out %v, want %v", f, got, want)
		}
	}
}

// golden compares text with a file; UPDATE_GOLDEN=1 writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (UPDATE_GOLDEN=1 writes it):\n%s", name, diff)
	}
}

func TestEventColor(t *testing.T) {
	strip := strings.NewReplacer(red, "", cyan, "", reset, "")
	names := fakeNames{blue.Inode: {"blue"}}
	plain, color := NewEvents(Table, Style{}, names), NewEvents(Table, Style{Color: true}, names)
	for _, c := range trips() {
		want, got := string(plain.Append(nil, &c.trip)), string(color.Append(nil, &c.trip))
		if strip.Replace(got) != want || (got == want) != (c.trip.Interrupted() != "") { // which has none
			t.Errorf("%s: colour changes the text, or there is none:\n%q\n%q", c.name, want, got)
		}
		if strings.Count(got, reset) != strings.Count(got, red)+strings.Count(got, cyan) {
			t.Errorf("%s: colour is not ended: %q", c.name, got)
		}
	}
}

func stats() TraceStats {
	return TraceStats{
		Events: map[trace.Call]int{trace.Setns: 12, trace.Unshare: 2}, Failed: map[trace.Call]int{trace.Setns: 3}, Tier: 1,
		Lost: []trace.Loss{{Kind: "setns", Total: 17, Known: true}, {Kind: "unshare", Known: true}, {Kind: "unknown", Total: 1, Known: true}, {Kind: "clone"}},
		Summary: &trace.Summary{
			Checked:       143,
			Disagreements: []trace.Disagreement{{PID: 5, TID: 6, Comm: "x\x1b", Tracked: host, Found: anon}},
			SplitThreads:  []trace.Disagreement{{PID: 500, TID: 512, Comm: "agent", Found: blue}},
		},
	}
}

func TestTraceNotes(t *testing.T) {
	e := NewEvents(Table, Style{}, fakeNames{blue.Inode: {"blue"}})
	want := []string{
		"12 setns (3 failed), 2 unshare; 17 setns calls, 1 call of unknown kind lost; how much of clone was lost cannot be known; tier 1",
		"thread 512 (agent) of process 500 ended up in blue (4026532177), which is not its process's namespace",
		`1 transition was not seen: thread 6 ("x\x1b") is in 4026532300, not in host`,
	}
	if diff := cmp.Diff(want, e.TraceNotes(stats())); diff != "" {
		t.Error(diff)
	}
	many := stats()
	for range 100 {
		many.Summary.SplitThreads = append(many.Summary.SplitThreads, many.Summary.SplitThreads[0])
		many.Summary.Disagreements = append(many.Summary.Disagreements, many.Summary.Disagreements[0])
	}
	notes := e.TraceNotes(many)
	if n := len(notes); n != 1+maxThreads+2 || !strings.HasSuffix(notes[n-1], ", and 91 more") || !strings.HasPrefix(notes[n-2], "91 more threads ") {
		t.Errorf("too much or too little is noted: %q", notes)
	}
	none := TraceStats{Lost: []trace.Loss{{Kind: "setns", Known: true}}, Tier: 2, Summary: &trace.Summary{}}
	if diff := cmp.Diff([]string{"no events; nothing lost; tier 2"}, e.TraceNotes(none)); diff != "" {
		t.Error(diff)
	}
	idle := TraceStats{Events: map[trace.Call]int{trace.Unshare: 2}, LeftOut: 3, Tier: 1}
	if diff := cmp.Diff([]string{"2 unshare, 3 unshare of no namespace left out; nothing lost; tier 1"}, e.TraceNotes(idle)); diff != "" {
		t.Error(diff)
	}
	unknown := TraceStats{Lost: []trace.Loss{{Kind: "setns"}}, Tier: 4}
	if diff := cmp.Diff([]string{"no events; how much was lost cannot be known; tier 4"}, e.TraceNotes(unknown)); diff != "" {
		t.Error(diff)
	}
}

func TestTraceRecords(t *testing.T) {
	e := NewEvents(JSON, Style{}, fakeNames{blue.Inode: {"blue"}})
	var out []byte
	out = e.Start(out, wire.TraceStart{Time: noon, Machine: wire.Machine{Schema: wire.Schema, Kernel: "6.18.44"}, Select: []string{"syscalls"}, Tier: 1, How: "by hooks", Command: []string{"ip", "\xff"}})
	for _, l := range stats().Lost {
		out = e.Lost(out, noon, l, l.Total/2)
	}
	out = e.End(out, noon, stats())
	golden(t, "testdata/records.json", string(out))
	if err := wiretest.Validate(out); err != nil {
		t.Error(err)
	}
	out = NewEvents(Table, Style{}, nil).Start(nil, wire.TraceStart{})
	out = NewEvents(Table, Style{}, nil).End(out, noon, TraceStats{})
	if len(out) > 0 {
		t.Errorf("people are shown %q", out)
	}
}

// The columns grow with what comes, and not without bound.
func TestEventColumns(t *testing.T) {
	e := NewEvents(Table, Style{}, fakeNames{})
	ev := setnsBlue()
	ev.Comm, ev.Via.Path = strings.Repeat("网", 15), "/"+strings.Repeat("x", 4096)
	first := string(e.Append(nil, &Trip{Event: ev}))
	if !strings.Contains(first, "</"+strings.Repeat("x", 254)+"…>") {
		t.Errorf("a long path is not cut: %q", first)
	}
	if e.who != maxWho || e.call != maxCall {
		t.Errorf("the columns are %d and %d wide, want %d and %d", e.who, e.call, maxWho, maxCall)
	}
	ev = setnsBlue()
	line := string(e.Append(nil, &Trip{Event: ev}))
	if want := fmt.Sprintf("  %-*s  %-*s   net    host       → ", maxWho, "ip[4242]", maxCall, "setns(5</run/netns/blue>, CLONE_NEWNET) = 0"); !strings.Contains(line, want) {
		t.Errorf("columns are not kept: %q", line)
	}
}
