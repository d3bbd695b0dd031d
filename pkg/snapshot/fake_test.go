// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"net"
	"net/netip"
	"time"

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
