// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nsinspect/nsinspect/pkg/doctor"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
)

// TestCompareOlder has the file of a name show that a namespace was there when the old
// snapshot missed it.
func TestCompareOlder(t *testing.T) {
	for _, tt := range []struct {
		since time.Time
		all   bool // the old snapshot has the kernel's list
		want  string
	}{
		{noon.Add(-time.Hour), false, "unread old namespaces 1"},
		{noon.Add(-time.Hour), true, "created net:[1]"},
		{noon.Add(time.Hour), false, "created net:[1]"},
	} {
		old := machine(noon)
		now := machine(later, with(netNS(1, 11, "blue"), func(n *ns.Namespace) { n.Age = ns.Age{Since: tt.since, From: ns.FromName} }))
		for _, f := range []*File{old, now} {
			f.Report = &doctor.Report{}
			if !tt.all {
				f.Snapshot.Sources = slices.DeleteFunc(slices.Clone(f.Snapshot.Sources), func(s string) bool { return s == "kernel" })
			}
		}
		got := strings.TrimPrefix(strings.ReplaceAll(describe(Compare(old, now, Options{})), "unread both the kernel's own list 0", ""), "\n")
		if strings.TrimSpace(got) != tt.want {
			t.Errorf("since %v: %q, want %q", tt.since, got, tt.want)
		}
	}
}

// TestCompareUnread has one snapshot lack what the other one has: that is not different.
func TestCompareUnread(t *testing.T) {
	full := func(at time.Time) *File {
		host := with(netNS(1, 11, "blue"), hold(process(7, 1), fd(8, 3)))
		host.Holders = append(host.Holders, ns.Holder{Kind: ns.KindMount, Path: "/a", Via: ns.ViaDetached, FD: -1}, ns.Holder{Kind: ns.KindMount, Path: "/b", MountNS: 91, FD: -1})
		host.Links, host.References = []ns.Link{link("eth0", 2, "10.0.0.1/24")}, &ns.References{Total: 3, Explained: 3}
		red := with(netNS(2, 12), hold(ns.Holder{Kind: ns.KindSocket, PID: 9, FD: 4, Socket: ns.NewSocket(ns.SocketWords{Family: "inet", Type: "stream"})}))
		uts := ns.Namespace{Type: ns.UTS, Inode: 3, Holders: []ns.Holder{process(7, 1)}}
		f := ownedBy(machine(at, host, red, uts), web, 1)
		f.Snapshot.Kept = &ns.Kept{}
		f.Snapshot.Kept.Own[ns.PID] = 4
		return dangling(findings(f, "no-process"), "/run/netns/gone")
	}
	gap := func(path string, sources ...string) func(*File) {
		return func(f *File) {
			f.Snapshot.Gaps = append(f.Snapshot.Gaps, ns.Gap{Sources: sources, Path: path, Err: errors.New("permission denied")})
		}
	}
	both := func(all ...func(*File)) func(*File) {
		return func(f *File) {
			for _, do := range all {
				do(f)
			}
		}
	}
	without := func(source string) func(*File) {
		return func(f *File) {
			f.Snapshot.Sources = slices.DeleteFunc(slices.Clone(f.Snapshot.Sources), func(s string) bool { return s == source })
		}
	}
	lose := func(i int, kinds ...ns.Kind) func(*File) {
		return func(f *File) {
			n := &f.Snapshot.Namespaces[i]
			n.Holders = slices.DeleteFunc(slices.Clone(n.Holders), func(h ns.Holder) bool { return slices.Contains(kinds, h.Kind) })
		}
	}
	loseMount := func(nth int) func(*File) { // the detached one, or that in another mount namespace
		return func(f *File) {
			n := &f.Snapshot.Namespaces[0]
			via := map[int]ns.Via{1: ns.ViaDetached, 2: ns.NoVia}[nth]
			n.Holders = slices.DeleteFunc(slices.Clone(n.Holders), func(h ns.Holder) bool {
				return h.Kind == ns.KindMount && h.MountNS != 90 && h.Via == via
			})
		}
	}
	drop := func(i int) func(*File) {
		return func(f *File) {
			f.Snapshot.Namespaces = slices.Delete(slices.Clone(f.Snapshot.Namespaces), i, i+1)
		}
	}
	nameless := func(f *File) { f.Snapshot.Namespaces[0].Names, f.Snapshot.Dangling = nil, nil }
	got := describe(Compare(full(noon), hidden(full(later), "/proc", "process"), Options{Ignore: Processes}))
	if want := "unread new what some processes hold 0"; got != want {
		t.Errorf("processes are ignored: %q, want %q", got, want)
	}
	for _, tt := range []struct {
		name string
		lack func(*File)
		want string // with SIDE for the snapshot that lacks it
	}{
		{"a source", both(without("fd"), lose(0, ns.KindFD)), "unread SIDE open files 0"},
		{"a gap of a source", both(gap("/proc", "fd"), lose(0, ns.KindFD)), "unread SIDE open files 0"},
		{"a process", both(gap("/proc/8/fd", "fd"), lose(0, ns.KindFD)), "unread SIDE what some processes hold 0"},
		{"the processes", both(gap("/proc", "process"), lose(0, ns.KindProcess), lose(2, ns.KindProcess), drop(2)), "unread SIDE processes 0\nunread SIDE namespaces 1"},
		{"sockets, which alone keep a namespace", both(without("socket"), without("kernel"), drop(1)), "unread SIDE sockets 0\nunread SIDE tun devices 0\nunread SIDE the kernel's own list 0\nunread SIDE namespaces 1"},
		{"a type", both(drop(2), func(f *File) {
			f.Snapshot.Types = slices.DeleteFunc(ns.Types(), func(t ns.Type) bool { return t == ns.UTS })
		}), "unread SIDE uts namespaces 0"},
		{"links", func(f *File) { f.Snapshot.Namespaces[0].Links = nil }, "unread SIDE links 1"},
		{"links of one", both(gap("net:[1]", "link"), func(f *File) { f.Snapshot.Namespaces[0].Links = []ns.Link{} }), "unread SIDE links 1"},
		{"owners", func(f *File) { f.Owners = nil }, "unread SIDE owners 1"},
		{"owners, by a gap", both(gap("/var/lib/docker", "owner"), func(f *File) { f.Owners = owner.Recorded(nil, nil) }), "unread SIDE owners 1"},
		{"the report", func(f *File) { f.Report = nil }, "unread SIDE findings of doctor 0"},
		{"a check", func(f *File) {
			f.Report.Findings, f.Report.Undecided = nil, []doctor.Undecided{{Check: "no-process"}}
		}, "unread SIDE the check no-process 0"},
		{"a names directory", both(gap("/run/netns", "name"), nameless), "unread SIDE names 1\nunread SIDE dangling names 0"},
		{"names", both(without("name"), nameless), "unread SIDE names 1\nunread SIDE dangling names 0"},
		{"the directory of names, in its mount namespace", both(func(f *File) { f.Snapshot.MountNS, f.Snapshot.NamesDirs = 92, nil }, nameless),
			"unread SIDE names 1\nunread SIDE dangling names 0"},
		{"detached mounts", both(func(f *File) { f.Snapshot.LoneMounts = false }, loseMount(1)), "unread SIDE detached mounts 0"},
		{"mounts where no process is", both(func(f *File) { f.Snapshot.MountsAll = false }, loseMount(2)), "unread SIDE mount namespaces that no process is in 0"},
		{"mounts elsewhere", both(gap("/proc/9/mountinfo", "mount"), loseMount(2)), "unread SIDE mounts 0"},
		{"mounts in one mount namespace", both(gap("mnt:[91]", "mount"), loseMount(2)), "unread SIDE some mount namespaces 0"},
		{"processes, and so what these hold", both(gap("/proc", "process"), lose(0, ns.KindProcess, ns.KindFD)), "unread SIDE processes 0"},
		{"a process, and so what it holds", both(gap("/proc/8/ns/net", "process"), lose(0, ns.KindFD)), "unread SIDE what some processes hold 0"},
		{"a process, and so mounts where it is", both(gap("/proc/9/ns/mnt", "process"), loseMount(2)), "unread SIDE what some processes hold 0"},
		{"a process, and so what it alone is in", both(gap("/proc/7/ns/uts", "process"), lose(0, ns.KindProcess), drop(2)), "unread SIDE what some processes hold 0\nunread SIDE namespaces 1"},
		{"a process that explains references", both(gap("/proc/8/fd", "fd"), lose(0, ns.KindFD), func(f *File) {
			f.Snapshot.Namespaces[0].References = &ns.References{Total: 3, Explained: 2}
			f.Snapshot.Namespaces[0].Holders = append(f.Snapshot.Namespaces[0].Holders, ns.Holder{Kind: ns.KindKernel, Refs: 1})
		}), "unread SIDE what some processes hold 0\nunread SIDE references 1"},
		{"what a check needs", func(f *File) {
			f.Report.Findings[0].Severity, f.Report.Undecided = doctor.Unknown, []doctor.Undecided{{Check: "no-process"}}
		}, "unread SIDE the check no-process 0"},
		{"what another check needs", func(f *File) {
			more := f.Report.Findings[0]
			more.Check, more.ID, more.Severity = "split-thread", "split-thread:net:[1]", doctor.Unknown
			f.Report.Findings, f.Report.Undecided = append(f.Report.Findings, more), []doctor.Undecided{{Check: "split-thread"}}
		}, "unread SIDE the check split-thread 0"},
		{"the PIDs of the other", both(lose(0, ns.KindProcess, ns.KindFD), func(f *File) {
			f.Snapshot.Kept = &ns.Kept{}
			f.Snapshot.Kept.Own[ns.PID] = 5
		}), "unread both what processes hold: they were read in two PID or time namespaces 0"},
		{"redacted", func(f *File) {
			f.Redacted = true
			f.Snapshot.Namespaces[0].Names[0].Path = "/run/netns/h1"
			f.Snapshot.Namespaces[0].Links[0].Name = "h2"
		}, "unread SIDE names, owners, links and findings: one of them is redacted 0"},
	} {
		for side, of := range map[string]func(a, b *File) (*File, *File){
			"new": func(a, b *File) (*File, *File) { return a, b },
			"old": func(a, b *File) (*File, *File) { return b, a },
		} {
			t.Run(tt.name+" in the "+side, func(t *testing.T) {
				a, b := full(noon), full(noon)
				tt.lack(b)
				old, now := of(a, b)
				now.Snapshot.Taken = later
				d := Compare(old, now, Options{})
				if got, want := describe(d), strings.ReplaceAll(tt.want, "SIDE", side); got != want || !d.Same() {
					t.Errorf("got:\n%s\nwant:\n%s", got, want)
				}
			})
		}
	}
}
