// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nsinspect/nsinspect/pkg/doctor"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
)

// describe returns a diff as short lines, to be compared.
func describe(d *Diff) string {
	var out []string
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	for i := range d.Namespaces {
		c := &d.Namespaces[i]
		line := fmt.Sprintf("%s %s", c.Action, c.Namespace())
		for _, n := range c.Names {
			line += " name " + signed(n.Old != nil, n.New != nil, func(old bool) string {
				if old {
					return n.Old.Name
				}
				return n.New.Name
			})
		}
		if c.OwnerChanged {
			line += fmt.Sprintf(" owner %v %v", refOf(c.OldOwner), refOf(c.NewOwner))
		}
		for _, h := range c.Holders {
			line += fmt.Sprintf(" %s %d>%d -%d+%d", h.Kind, h.Old, h.New, len(h.Lost), len(h.Gained))
		}
		for _, l := range c.Links {
			line += " link " + signed(l.Old != nil, l.New != nil, func(bool) string { return l.Link().Name })
			line += strings.Join(l.Changed, ",")
			if l.Elsewhere != nil {
				line += "@" + l.Elsewhere.BestName()
			}
			for _, moved := range [][]AddrChange{l.Lost, l.Gained} {
				for _, a := range moved {
					line += " " + a.Addr.String()
					if a.Elsewhere != nil {
						line += "@" + a.Elsewhere.BestName()
					}
				}
			}
		}
		add("%s", line)
	}
	for _, f := range d.Findings {
		add("finding %s", signed(f.Old != nil, f.New != nil, func(old bool) string {
			if old {
				return f.Old.ID
			}
			return f.New.ID
		}))
	}
	for _, n := range d.Dangling {
		add("dangling %s", signed(n.Old != nil, n.New != nil, func(bool) string { return n.path() }))
	}
	for _, u := range d.Unread {
		side := map[[2]bool]string{{true, false}: "old", {false, true}: "new", {true, true}: "both"}[[2]bool{u.Old, u.New}]
		add("unread %s %s %d", side, u.What, u.Count)
	}
	if d.Nameless != [2]int{} {
		add("nameless %v", d.Nameless)
	}
	return strings.Join(out, "\n")
}

func signed(old, now bool, text func(old bool) string) string {
	switch {
	case old && now:
		return "~" + text(true) + ">" + text(false)
	case old:
		return "-" + text(true)
	}
	return "+" + text(false)
}

func refOf(o *owner.Owner) string {
	if o == nil {
		return "-"
	}
	return o.String()
}

var web = &owner.Owner{Runtime: "docker", Name: "web", ID: strings.Repeat("a", 64), Authority: ns.RootAuthority}

// diffCases have every kind of change. The old and the new snapshot are changed alike by
// f, which is given which one it is.
var diffCases = []struct {
	name     string
	old, now *File
	ignore   Aspects
	want     string
}{
	{"the same", machine(noon, netNS(1, 11, "blue")), machine(later, netNS(1, 11, "blue")), 0, ""},
	{"created", machine(noon), machine(later, netNS(1, 11, "blue")), 0, "created net:[1]"},
	{"freed", machine(noon, netNS(1, 11, "blue")), machine(later), 0, "freed net:[1]"},
	{"an inode reused, by cookie", machine(noon, netNS(1, 11, "blue")), machine(later, netNS(1, 12, "blue")), 0, "freed net:[1]\ncreated net:[1]"},
	{"a cookie that moved", machine(noon, netNS(1, 11, "blue")), machine(later, netNS(2, 11, "blue")), 0, ""},
	{"renamed", machine(noon, netNS(1, 11, "blue")), machine(later, netNS(1, 11, "red")), Holders, "changed net:[1] name ~blue>red"},
	{"one more name", machine(noon, netNS(1, 11, "blue")), machine(later, netNS(1, 11, "blue", "red")), 0, "changed net:[1] name +red mount 1>2 -0+1"},
	{"names ignored", machine(noon, netNS(1, 11, "blue")), machine(later, netNS(1, 11, "red")), Names | Holders, ""},
	{
		"a user namespace whose inode is reused", machine(noon, aged(5, noon.Add(-time.Hour))), machine(later, aged(5, noon.Add(time.Minute))), 0,
		"freed user:[5]\ncreated user:[5]",
	},
	{
		"one whose inode was reused, the later snapshot first", machine(later, aged(5, noon.Add(time.Minute))), machine(noon, aged(5, noon.Add(-time.Hour))), 0,
		"freed user:[5]\ncreated user:[5]",
	},
	{
		"an owner who took the snapshot",
		ownedBy(machine(noon, netNS(1, 11, "blue")), &owner.Owner{Runtime: "podman", Name: "web", Authority: ns.UserAuthority(1000)}, 1),
		ownedBy(machine(later, netNS(1, 11, "blue")), &owner.Owner{Runtime: "podman", Name: "web", Authority: ns.Authority{UID: 1000, Trusted: true}}, 1), 0, "",
	},
	{"one that is there as long", machine(noon, aged(5, noon.Add(-time.Hour))), machine(later, aged(5, noon.Add(-time.Hour))), 0, ""},
	{"one that was made during the scan", machine(noon, aged(5, noon.Add(200*time.Millisecond))), machine(later, aged(5, noon.Add(210*time.Millisecond))), 0, ""},
	{
		"one whose file still is open", machine(noon, with(aged(5, noon.Add(-time.Hour)), hold(fd(7, 3)))),
		machine(later, with(aged(5, noon.Add(time.Minute)), hold(fd(7, 3)))), 0, "",
	},
	{
		"one whose file is of another process now", machine(noon, with(aged(5, noon.Add(-time.Hour)), hold(fd(7, 3)))),
		machine(later, with(aged(5, noon.Add(time.Minute)), hold(ns.Holder{Kind: ns.KindFD, PID: 7, FD: 3, Born: time.Hour}))), 0, "freed user:[5]\ncreated user:[5]",
	},
	{
		"a process", machine(noon, with(netNS(1, 11), hold(process(7, 1)))), machine(later, with(netNS(1, 11), hold(process(8, 2)))), 0,
		"changed net:[1] process 1>1 -1+1",
	},
	{
		"a process as the machine and as a file has it", machine(noon, with(netNS(1, 11), hold(process(7, 1)))),
		machine(later, with(netNS(1, 11), hold(ns.Holder{Kind: ns.KindProcess, PID: 7, Born: 1}))), 0, "",
	},
	{
		"a process ID given again", machine(noon, with(netNS(1, 11), hold(process(7, 1)))), machine(later, with(netNS(1, 11), hold(process(7, 2)))), 0,
		"changed net:[1] process 1>1 -1+1",
	},
	{
		"a process, ignored", machine(noon, with(netNS(1, 11), hold(process(7, 1)))), machine(later, with(netNS(1, 11), hold(process(8, 2)))), Processes, "",
	},
	{
		"files", machine(noon, with(netNS(1, 11, "blue"), hold(fd(7, 3), fd(7, 4)))), machine(later, with(netNS(1, 11, "blue"), hold(fd(7, 4), fd(7, 5), fd(9, 1)))), Processes,
		"changed net:[1] fd 2>3 -1+2",
	},
	{
		"a mount that another process shows", machine(noon, with(netNS(1, 11), hold(ns.Holder{Kind: ns.KindMount, PID: 5, Path: "/a", MountNS: 91, MountID: 3}))),
		machine(later, with(netNS(1, 11), hold(ns.Holder{Kind: ns.KindMount, PID: 6, Path: "/a", MountNS: 91, MountID: 3}))), 0, "",
	},
	{
		"references", machine(noon, with(netNS(1, 11, "blue"), refs(1, 1))), machine(later, with(netNS(1, 11, "blue"), refs(3, 1))), 0, "changed net:[1] kernel 0>2 -0+0",
	},
	{
		"references that one has not", machine(noon, netNS(1, 11, "blue")), machine(later, with(netNS(1, 11, "blue"), refs(3, 1))), 0, "unread old references 1",
	},
	{
		"as many as both have read", machine(noon, with(netNS(1, 11), hold(fd(7, 3), fd(8, 3), fd(9, 3)))),
		hidden(machine(later, with(netNS(1, 11), hold(fd(7, 4)))), "/proc/8/fd", "fd"), 0, "changed net:[1] fd 2>1 -2+1\nunread new what some processes hold 0",
	},
	{
		"an owner ended", ownedBy(machine(noon, netNS(1, 11, "blue")), web, 1), machine(later, netNS(1, 11, "blue")), 0, "changed net:[1] owner docker:web -",
	},
	{
		"an owner changed", ownedBy(machine(noon, netNS(1, 11, "blue")), web, 1),
		ownedBy(machine(later, netNS(1, 11, "blue")), &owner.Owner{Runtime: "systemd", Unit: "a.service", Authority: ns.RootAuthority}, 1), 0,
		"changed net:[1] owner docker:web unit:a.service",
	},
	{
		"an owner better known", ownedBy(machine(noon, netNS(1, 11, "blue")), &owner.Owner{Runtime: "docker", ID: web.ID, Authority: ns.RootAuthority}, 1),
		ownedBy(machine(later, netNS(1, 11, "blue")), web, 1), 0, "",
	},
	{
		"links", machine(noon, linked(netNS(1, 11, "blue"), link("eth0", 2, "10.0.0.1/24"), link("eth1", 3))),
		machine(later, linked(netNS(1, 11, "blue"), link("eth0", 2, "10.0.0.2/24"), link("eth2", 4))), 0,
		"changed net:[1] link ~eth0>eth0 10.0.0.1/24 10.0.0.2/24 link -eth1 link +eth2",
	},
	{
		"a link renamed and set down", machine(noon, linked(netNS(1, 11, "blue"), link("eth0", 2))),
		machine(later, linked(netNS(1, 11, "blue"), changedLink(link("wan", 2), func(l *ns.Link) { l.Up = false }))), 0,
		"changed net:[1] link ~wan>wanname,state",
	},
	{
		"a link and an address moved", machine(noon, linked(netNS(1, 11, "blue"), link("eth0", 2, "10.0.0.1/24")), linked(netNS(2, 12, "red"))),
		machine(later, linked(netNS(1, 11, "blue")), linked(netNS(2, 12, "red"), link("eth0", 2, "10.0.0.1/24"))), 0,
		"changed net:[1] link -eth0@red 10.0.0.1/24@red\nchanged net:[2] link +eth0@blue 10.0.0.1/24@blue",
	},
	{
		"two links that changed places",
		machine(noon, linked(netNS(1, 11, "blue"), link("eth0", 2)), linked(netNS(2, 12, "red"), renumbered(link("eth1", 3), 2))),
		machine(later, linked(netNS(1, 11, "blue"), renumbered(link("eth1", 3), 2)), linked(netNS(2, 12, "red"), link("eth0", 2))), 0,
		"changed net:[1] link -eth0@red link +eth1@red\nchanged net:[2] link +eth0@blue link -eth1@blue",
	},
	{
		"two links of one name that did",
		machine(noon, linked(netNS(1, 11, "blue"), link("eth0", 2)), linked(netNS(2, 12, "red"), link("eth0", 3))),
		machine(later, linked(netNS(1, 11, "blue"), link("eth0", 3)), linked(netNS(2, 12, "red"), link("eth0", 2))), 0,
		"changed net:[1] link -eth0@red link +eth0@red\nchanged net:[2] link -eth0@blue link +eth0@blue",
	},
	{
		"an address moved with its container", machine(noon, linked(netNS(1, 11, "blue"), link("eth0", 2, "10.0.0.1/24", "fe80::1/64"))),
		machine(later, linked(netNS(3, 13, "red"), link("eth0", 5, "10.0.0.1/24", "fe80::1/64"))), 0,
		"freed net:[1] link -eth0 10.0.0.1/24@red\ncreated net:[3] link +eth0 10.0.0.1/24@blue",
	},
	{
		"a peer moved", machine(noon, linked(netNS(1, 11, "blue"), veth("eth0", 2, 2, 5)), linked(netNS(2, 12, "red")), linked(netNS(3, 13, "green"))),
		machine(later, linked(netNS(1, 11, "blue"), veth("eth0", 2, 3, 5)), linked(netNS(2, 12, "red")), linked(netNS(3, 13, "green"))), 0,
		"changed net:[1] link ~eth0>eth0peer",
	},
	{
		"a peer that was not found", machine(noon, linked(netNS(1, 11, "blue"), veth("eth0", 2, 2, 5)), linked(netNS(2, 12, "red"))),
		machine(later, linked(netNS(1, 11, "blue"), veth("eth0", 2, 0, 5)), linked(netNS(2, 12, "red"))), 0, "",
	},
	{
		"findings", findings(machine(noon, netNS(1, 11, "blue")), "no-process", "leftover-file"), findings(machine(later, netNS(1, 11, "blue")), "no-process", "split-thread"), 0,
		"finding +split-thread:net:[1]\nfinding -leftover-file:net:[1]",
	},
	{
		"a finding that is uncertain by itself", machine(noon, netNS(1, 11, "blue")), uncertain(findings(machine(later, netNS(1, 11, "blue")), "kernel-only")), 0,
		"finding +kernel-only:net:[1]",
	},
	{
		"a finding of another namespace with the inode", findings(machine(noon, netNS(1, 11, "blue")), "no-process"), findings(machine(later, netNS(1, 12, "blue")), "no-process"), 0,
		"freed net:[1]\ncreated net:[1]\nfinding +no-process:net:[1]\nfinding -no-process:net:[1]",
	},
	{
		"a dangling name that leads elsewhere", leadsTo(dangling(machine(noon), "/run/netns/a"), "b"), leadsTo(dangling(machine(later), "/run/netns/a"), "c"), 0,
		"dangling ~/run/netns/a>/run/netns/a",
	},
	{"one of which the old file does not have that", dangling(machine(noon), "/run/netns/a"), leadsTo(dangling(machine(later), "/run/netns/a"), "c"), 0, ""},
	{"dangling names", dangling(machine(noon), "/run/netns/a"), dangling(machine(later), "/run/netns/b"), 0, "dangling -/run/netns/a\ndangling +/run/netns/b"},
}

var later = noon.Add(24 * time.Hour)

func TestCompare(t *testing.T) {
	for _, tt := range diffCases {
		t.Run(tt.name, func(t *testing.T) {
			for _, f := range []*File{tt.old, tt.now} {
				if f.Report == nil {
					f.Report = &doctor.Report{Snapshot: f.Snapshot}
				}
			}
			d := Compare(tt.old, tt.now, Options{Ignore: tt.ignore})
			if got := describe(d); got != tt.want {
				t.Errorf("got:\n%s\nwant:\n%s", got, tt.want)
			}
			if want := tt.want == "" || strings.HasPrefix(tt.want, "unread"); d.Same() != want {
				t.Errorf("Same() = %v", d.Same())
			}
		})
	}
}
