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
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
	"github.com/nsinspect/nsinspect/pkg/trace"
	"github.com/nsinspect/nsinspect/pkg/trace/lifecycle"
)

var (
	host = trace.NS{Inode: 4026531833, Cookie: 3}
	blue = trace.NS{Inode: 4026532177, Cookie: 4101}
	anon = trace.NS{Inode: 4026532300, Cookie: 4102}
)

// homes are the namespaces that a thread is in before a call.
func homes() trace.Set {
	var s trace.Set
	for _, t := range ns.Types() {
		s[t].Inode = host.Inode + uint64(t)
	}
	s[ns.Net] = host
	return s
}

func with(s trace.Set, t ns.Type, ns trace.NS) trace.Set {
	s[t] = ns
	return s
}

var noon = time.Date(2026, 3, 1, 12, 3, 44, 120394000, time.UTC)

func setnsBlue() trace.Event {
	return trace.Event{
		Call: trace.Setns, Time: noon, Duration: 8123, PID: 4242, TID: 4242, PPID: 1, Comm: "ip",
		Flags: unix.CLONE_NEWNET, FD: 5, Via: trace.Via{Kind: trace.ViaNSFS, Path: "/run/netns/blue"},
		Target: trace.Target{Type: ns.Net, NS: trace.Set{blue}}, ABI: "x86_64",
		From: homes(), To: with(homes(), ns.Net, blue),
	}
}

type namedTrip struct {
	name string
	trip Trip
}

// trips has an event of every kind that looks different.
func trips() []namedTrip {
	var all []namedTrip
	add := func(name string, change func(*Trip)) {
		t := Trip{Event: setnsBlue()}
		change(&t)
		all = append(all, namedTrip{name, t})
	}
	fail := func(t *Trip, errno unix.Errno) { t.Ret, t.Errno, t.To = -1, errno, t.From }
	add("setns", func(*Trip) {})
	add("back", func(t *Trip) { t.From, t.To, t.Target.NS[0] = t.To, t.From, host; t.Via.Path = "net:[4026531833]" })
	add("again", func(t *Trip) { t.To, t.Target.NS[0] = t.From, host })
	add("thread", func(t *Trip) { t.Comm, t.PID, t.TID = "agent", 500, 512 })
	add("no type", func(t *Trip) { t.Flags = 0 })
	add("other type", func(t *Trip) {
		t.Flags, t.To = unix.CLONE_NEWNS, with(t.From, ns.Mnt, trace.NS{Inode: 4026532200})
		t.Target = trace.Target{Type: ns.Mnt, NS: with(trace.Set{}, ns.Mnt, trace.NS{Inode: 4026532200})}
	})
	add("refused", func(t *Trip) { fail(t, unix.EPERM) })
	add("wrong type", func(t *Trip) { fail(t, unix.EINVAL); t.Flags = unix.CLONE_NEWUTS })
	add("no capability", func(t *Trip) {
		fail(t, unix.EPERM)
		t.Reason = trace.Reason{Kind: trace.ReasonCapability, Capability: "CAP_SYS_ADMIN", UserNS: homes()[ns.User]}
	})
	add("limit", func(t *Trip) {
		t.Call, t.FD, t.Via, t.Target = trace.Unshare, -1, trace.Via{}, trace.Target{}
		fail(t, unix.ENOSPC)
		t.Reason = trace.Reason{Kind: trace.ReasonLimit, Limit: "max_net_namespaces", UserNS: anon}
	})
	add("threads", func(t *Trip) {
		t.Call, t.FD, t.Via, t.Target, t.Flags = trace.Unshare, -1, trace.Via{}, trace.Target{}, unix.CLONE_NEWUSER
		fail(t, unix.EINVAL)
		t.Reason = trace.Reason{Kind: trace.ReasonThreads}
	})
	add("bad fd", func(t *Trip) { fail(t, unix.EBADF); t.FD, t.Via, t.Target = -1, trace.Via{}, trace.Target{} })
	add("no namespace", func(t *Trip) {
		fail(t, unix.EINVAL)
		t.Via, t.Target = trace.Via{Kind: trace.ViaOther}, trace.Target{}
	})
	add("ordinary file", func(t *Trip) {
		fail(t, unix.EINVAL)
		t.Via, t.Target = trace.Via{Kind: trace.ViaOther, Path: "/etc/passwd"}, trace.Target{}
	})
	add("a file with a namespace's name", func(t *Trip) {
		fail(t, unix.EINVAL)
		t.Via, t.Target = trace.Via{Kind: trace.ViaOther, Path: "net:[4026532177]"}, trace.Target{}
	})
	add("interrupted", func(t *Trip) {
		t.Call, t.FD, t.Via, t.Target, t.Flags = trace.Clone, -1, trace.Via{}, trace.Target{}, unix.CLONE_NEWUTS
		fail(t, 513)
	})
	add("odd errno", func(t *Trip) { fail(t, 4000); t.Refused = true; t.Ret = -1 })
	add("unshare", func(t *Trip) {
		t.Call, t.FD, t.Via, t.Target = trace.Unshare, -1, trace.Via{}, trace.Target{}
		t.Flags = unix.CLONE_NEWNET | unix.CLONE_NEWPID
		t.To = with(with(t.From, ns.Net, anon), ns.PID, trace.NS{Inode: 4026532301})
	})
	add("unshare of everything", func(t *Trip) {
		t.Call, t.FD, t.Via, t.Target, t.Flags = trace.Unshare, -1, trace.Via{}, trace.Target{}, 0
		for i, typ := range ns.Types() {
			t.Flags |= trace.FlagOf(typ)
			t.To[typ] = trace.NS{Inode: 4026532400 + uint64(i)}
		}
		t.Owner = &owner.Owner{Runtime: "docker", ID: "27d0", Name: "web", Authority: ns.RootAuthority}
	})
	add("unshare refused by seccomp", func(t *Trip) {
		t.Call, t.FD, t.Via, t.Target, t.Flags = trace.Unshare, -1, trace.Via{}, trace.Target{}, unix.CLONE_NEWUSER
		fail(t, unix.EPERM)
		t.Refused = true
	})
	add("killed by seccomp", func(t *Trip) {
		t.Call, t.FD, t.Via, t.Target, t.Flags = trace.Unshare, -1, trace.Via{}, trace.Target{}, unix.CLONE_NEWUSER
		t.To, t.Ret, t.Refused = t.From, -1, true
	})
	add("answered by seccomp", func(t *Trip) {
		t.Call, t.FD, t.Via, t.Target, t.Flags = trace.Unshare, -1, trace.Via{}, trace.Target{}, unix.CLONE_NEWNET
		t.To, t.Answered = trace.Set{}, true
	})
	add("clone", func(t *Trip) {
		t.Call, t.FD, t.Via, t.Target, t.Flags = trace.Clone, -1, trace.Via{}, trace.Target{}, unix.CLONE_NEWNET|unix.CLONE_NEWPID|unix.CLONE_VFORK
		t.Ret, t.Child, t.To = 7, 4243, with(with(t.From, ns.Net, anon), ns.PID, trace.NS{Inode: 4026532301})
	})
	add("clone refused", func(t *Trip) {
		t.Call, t.FD, t.Via, t.Target = trace.Clone, -1, trace.Via{}, trace.Target{}
		fail(t, unix.EPERM)
	})
	add("pidfd", func(t *Trip) {
		t.Flags, t.Via = unix.CLONE_NEWNET|unix.CLONE_NEWUTS, trace.Via{Kind: trace.ViaPidfd, PID: 77}
		t.Target.NS = with(t.Target.NS, ns.UTS, trace.NS{Inode: 4026532302})
		t.To = with(t.To, ns.UTS, trace.NS{Inode: 4026532302})
	})
	add("pidfd refused", func(t *Trip) {
		t.Flags, t.Via = unix.CLONE_NEWNET|unix.CLONE_NEWUTS, trace.Via{Kind: trace.ViaPidfd}
		t.Target.NS = with(t.Target.NS, ns.UTS, trace.NS{Inode: 4026532302})
		fail(t, unix.EPERM)
	})
	add("pidfd of nobody", func(t *Trip) {
		t.Via, t.Target = trace.Via{Kind: trace.ViaPidfd}, trace.Target{}
		fail(t, unix.ESRCH)
	})
	add("32 bit", func(t *Trip) { t.ABI = "i386" })
	add("only its end", func(t *Trip) { t.Partial, t.From = true, trace.Set{} })
	add("only a move", func(t *Trip) {
		t.Call, t.Flags, t.FD, t.Via, t.Target, t.Duration, t.ABI = trace.Move, 0, -1, trace.Via{}, trace.Target{}, 0, ""
	})
	add("only a child", func(t *Trip) {
		t.Call, t.Flags, t.FD, t.Via, t.Target, t.Duration, t.ABI = trace.Clone, 0, -1, trace.Via{}, trace.Target{}, 0, ""
		t.Child, t.Comm, t.UID = 4243, "", -1
	})
	add("out of sight", func(t *Trip) { t.PID, t.TID, t.PPID, t.UID = 0, 0, 0, -1; t.To = trace.Set{} })
	add("runc", func(t *Trip) {
		t.Call, t.FD, t.Via, t.Target, t.Comm = trace.Unshare, -1, trace.Via{}, trace.Target{}, "runc:[1:CHILD]"
		t.Flags = unix.CLONE_NEWNET | unix.CLONE_NEWPID
		t.From, t.To = with(t.From, ns.Net, anon), with(with(t.From, ns.Net, blue), ns.PID, trace.NS{Inode: 4026532301})
	})
	add("hostile", func(t *Trip) {
		t.Comm, t.Via.Path = "\x1b[31m\n\xff\u202e", "…/\x1b]0;title\x07/\xfe\n12:00:00 init[1] unshare() = 0>, 0) = 0   host → y"
	})
	add("a container's", func(t *Trip) {
		t.Owner = &owner.Owner{Runtime: "docker", ID: "27d0", Name: "web\x1b", Unit: "docker-27d0.scope", Service: "shop/web", Authority: ns.RootAuthority}
	})
	add("a unit's", func(t *Trip) {
		t.Owner = &owner.Owner{Runtime: "systemd", Unit: "nginx.service", Authority: ns.RootAuthority}
	})
	add("folded", func(t *Trip) {
		back := setnsBlue()
		back.From, back.To, back.Time, back.FD = t.To, t.From, t.Time.Add(1234567), 6
		back.Via.Path, back.Target.NS = "net:[4026531833]", trace.Set{host}
		t.Back = &back
	})
	return all
}

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
