// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"testing"
	"time"

	"github.com/nsinspect/nsinspect/pkg/doctor"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
)

// TestCompareBoots compares by name and owner what no number of the kernel's connects.
func TestCompareBoots(t *testing.T) {
	host := func(inode uint64, all ...ns.Link) ns.Namespace {
		return linked(with(netNS(inode, inode), func(n *ns.Namespace) { n.Initial = true }), all...)
	}
	peer := func(name string, index int, inode uint64, at string) ns.Link {
		l := veth(name, index, inode, 2)
		l.Peer.Name = at
		return l
	}
	before := func() *File {
		return findings(ownedBy(machine(noon,
			host(1, link("eth0", 2, "192.0.2.1/24"), peer("vethaa1", 5, 2, "eth0")),
			linked(with(netNS(2, 12, "blue"), hold(process(7, 1), fd(8, 3))), peer("eth0", 2, 1, "vethaa1")),
			with(netNS(3, 13), hold(process(9, 1))),
			with(netNS(4, 14), hold(process(10, 1))),
			netNS(5, 15, "old"),
		), web, 3), "none")
	}
	after := func() *File {
		f := findings(ownedBy(machine(later,
			host(21, link("eth0", 2, "192.0.2.1/24"), peer("vethbb2", 4, 23, "eth0")),
			with(netNS(22, 12), hold(process(107, 1))),
			linked(with(netNS(23, 11, "blue"), hold(process(108, 1), fd(109, 3), fd(109, 4))), peer("eth0", 2, 21, "vethbb2")),
			netNS(24, 14, "new"),
		), web, 22), "none")
		f.Snapshot.Machine.BootID = "b2"
		return f
	}
	const changes = "freed net:[5]\nchanged net:[23] fd 1>2 -0+0\ncreated net:[24]"
	for _, tt := range []struct {
		name     string
		change   func(old, now *File)
		identity Identity
		want     string
	}{
		{"a reboot", func(_, _ *File) {}, ByName, changes + "\nnameless [1 0]"},
		{"another machine", func(_, f *File) { f.Snapshot.Machine.MachineID, f.Snapshot.Machine.Host = "m2", "node2" }, ByMachine, changes + "\nnameless [1 0]"},
		{"an unknown boot", func(_, f *File) { f.Snapshot.Machine.BootID = "" }, ByGuess, changes + "\nnameless [1 0]"},
		{"perhaps another machine of the name", func(_, f *File) { f.Snapshot.Machine.MachineID = "" }, ByGuess, changes + "\nnameless [1 0]"},
		{"redacted", func(_, f *File) { f.Redacted = true }, ByGuess, "unread new names, owners, links and findings: one of them is redacted 0\nnameless [4 3]"},
		{"findings of a name", func(a, b *File) {
			for _, f := range []*File{a, b} {
				for _, n := range f.Snapshot.Namespaces {
					if n.Names != nil {
						f.Report.Findings = append(f.Report.Findings, doctor.Finding{ID: "no-process:" + n.String(), Check: "no-process", Namespace: &n, Path: n.Names[0].Path})
					}
				}
			}
		}, ByName, changes + "\nfinding +no-process:net:[24]\nfinding -no-process:net:[5]\nnameless [1 0]"},
		{"a user's name", func(_, f *File) {
			for i := range f.Snapshot.Namespaces {
				for k := range f.Snapshot.Namespaces[i].Names {
					f.Snapshot.Namespaces[i].Names[k].Authority = ns.UserAuthority(1000)
				}
			}
		}, ByName, "freed net:[2]\nfreed net:[5]\nchanged net:[21] link -vethaa1 link +vethbb2\ncreated net:[23]\ncreated net:[24]\nnameless [1 0]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			old, now := before(), after()
			old.Report.Findings, now.Report.Findings = nil, nil
			tt.change(old, now)
			d := Compare(old, now, Options{Ignore: Processes})
			if got := describe(d); got != tt.want || d.Identity != tt.identity {
				t.Errorf("%s:\n%s\nwant %s:\n%s", d.Identity, got, tt.identity, tt.want)
			}
		})
	}
}

// many returns a machine with so many namespaces and processes, of which every fourth
// namespace is another one in another generation.
func many(at time.Time, namespaces, processes, generation int) *File {
	all := make([]ns.Namespace, 0, namespaces)
	for i := range namespaces {
		n := netNS(uint64(1000+i), uint64(i+1), "cni-"+time.Duration(i).String())
		if i%4 == 0 {
			n.Cookie += uint64(generation) << 20
		}
		n.Links = []ns.Link{link("lo", 1, "127.0.0.1/8"), link("eth0", 2, "10.0.0.1/16")}
		for k := range processes / namespaces {
			n.Holders = append(n.Holders, process(ns.TaskID(i*8+k+generation*(k%2)), 1))
		}
		n.Holders = sorted(n.Holders)
		all = append(all, n)
	}
	var host ns.Namespace
	host.Type, host.Initial, host.Inode, host.Cookie, host.Links = ns.Net, true, 1, 1<<40, []ns.Link{}
	for i := range processes {
		host.Holders = append(host.Holders, process(ns.TaskID(100000+i), time.Duration(1+i+i%7*generation)))
	}
	return ownedBy(machine(at, append(all, host)...), &owner.Owner{Runtime: "cni", Authority: ns.RootAuthority})
}

func BenchmarkCompare(b *testing.B) {
	old, now := many(noon, 8000, 10000, 0), many(later, 8000, 10000, 1)
	b.ReportAllocs()
	for b.Loop() {
		if Compare(old, now, Options{}).Same() {
			b.Fatal("nothing is different")
		}
	}
}
