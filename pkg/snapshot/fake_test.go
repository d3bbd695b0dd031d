// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"io/fs"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/nsinspect/nsinspect/pkg/doctor"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
)

// noon is when the old snapshot of a test is taken.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// machine returns a snapshot of a machine that was read whole.
func machine(at time.Time, all ...ns.Namespace) *File {
	s := &ns.Snapshot{
		Taken: at, Root: "/", Machine: ns.Machine{Host: "node1", MachineID: "m1", BootID: "b1"}, Engine: "bpf", MountNS: 90,
		Sources: []string{"process", "thread", "fd", "socket", "mmap", "inflight", "kernel", "mount", "child", "name"},
		Types:   ns.Types(), NamesDirs: []string{"/run/netns"}, MountsAll: true, LoneMounts: true, Namespaces: all,
	}
	for i := range all {
		if all[i].Initial {
			s.Initial[all[i].Type] = all[i].Inode
		}
	}
	s.Sort()
	return &File{Snapshot: s, Owners: owner.Recorded(nil, nil)}
}

// netNS returns a network namespace that is kept by its names.
func netNS(inode, cookie uint64, names ...string) ns.Namespace {
	n := ns.Namespace{Type: ns.Net, Inode: inode, Cookie: cookie, Links: []ns.Link{}}
	for _, name := range names {
		path := "/run/netns/" + name
		n.Names = append(n.Names, ns.Name{Name: name, Path: path, Kind: ns.NameMount, Authority: ns.RootAuthority})
		n.Holders = append(n.Holders, ns.Holder{Kind: ns.KindMount, Path: path, MountNS: 90, MountID: int32(inode), FD: -1})
	}
	return n
}

func process(pid ns.TaskID, born time.Duration) ns.Holder {
	return ns.Holder{Kind: ns.KindProcess, PID: pid, FD: -1, Born: born}
}

func fd(pid ns.TaskID, n int) ns.Holder {
	return ns.Holder{Kind: ns.KindFD, PID: pid, FD: int32(n), Born: time.Second}
}

// with returns a namespace changed by f.
func with(n ns.Namespace, f func(*ns.Namespace)) ns.Namespace {
	f(&n)
	return n
}

func link(name string, index int, addrs ...string) ns.Link {
	l := ns.Link{Name: name, Index: index, Kind: "veth", MAC: net.HardwareAddr{2, 0, 0, 0, 0, byte(index)}, Up: true}
	for _, a := range addrs {
		l.Addrs = append(l.Addrs, netip.MustParsePrefix(a))
	}
	return l
}

// ownedBy has every namespace of these inodes be an owner's.
func ownedBy(f *File, o *owner.Owner, inodes ...uint64) *File {
	for _, inode := range inodes {
		f.Owners.AddNamespace(&ns.Namespace{Inode: inode}, o)
	}
	return f
}

func aged(inode uint64, since time.Time) ns.Namespace {
	return ns.Namespace{
		Type: ns.User, Inode: inode, Age: ns.Age{Since: since, From: ns.FromProcess},
		Holders: []ns.Holder{{Kind: ns.KindThread, PID: 40, TID: 41, FD: -1}},
	}
}

func hold(all ...ns.Holder) func(*ns.Namespace) {
	return func(n *ns.Namespace) {
		n.Holders = sorted(slices.Concat(all, n.Holders))
	}
}

func refs(total, explained int) func(*ns.Namespace) {
	return func(n *ns.Namespace) { n.References = &ns.References{Total: total, Explained: explained} }
}

func linked(n ns.Namespace, all ...ns.Link) ns.Namespace {
	n.Links = append([]ns.Link{}, all...)
	return n
}

func changedLink(l ns.Link, f func(*ns.Link)) ns.Link {
	f(&l)
	return l
}

// renumbered returns a link with another index, as the kernel gives one that is moved to where its
// own is taken.
func renumbered(l ns.Link, index int) ns.Link {
	l.Index = index
	return l
}

func veth(name string, index int, inode uint64, peer int) ns.Link {
	l := link(name, index)
	l.Peer = &ns.Peer{Index: peer, Inode: inode, Name: "v"}
	return l
}

// findings has a report with a finding of each of these checks about the first namespace.
func findings(f *File, checks ...string) *File {
	f.Report = &doctor.Report{Snapshot: f.Snapshot}
	for _, check := range checks {
		n := &f.Snapshot.Namespaces[0]
		f.Report.Findings = append(f.Report.Findings, doctor.Finding{ID: check + ":" + n.String(), Check: check, Severity: doctor.Warning, Namespace: n})
	}
	return f
}

func uncertain(f *File) *File {
	f.Report.Findings[0].Severity = doctor.Unknown
	return f
}

func dangling(f *File, paths ...string) *File {
	for _, p := range paths {
		f.Snapshot.Dangling = append(f.Snapshot.Dangling, ns.DanglingName{Path: p, Kind: ns.NameFile})
	}
	return f
}

func hidden(f *File, path string, sources ...string) *File {
	f.Snapshot.Gaps = append(f.Snapshot.Gaps, ns.Gap{Sources: sources, Path: path, Err: fs.ErrPermission})
	return f
}

func leadsTo(f *File, target string) *File {
	f.Snapshot.Dangling[0].Target = target
	return f
}
