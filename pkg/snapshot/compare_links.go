// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// AddrChange is an address that a link has lost or gained.
type AddrChange struct {
	Addr      netip.Prefix
	Elsewhere *ns.Namespace // where it came from, or went
}

// compareLinks returns which links of a network namespace have come, gone or changed.
func (c *comparison) compareLinks(old, now *ns.Namespace) (all []LinkChange) {
	a := old.Links == nil || c.old.blindLink[old.String()]
	b := now.Links == nil || c.now.blindLink[now.String()]
	if a || b {
		c.lacks("links", a, b, 1)
		return nil
	}
	twins := c.matchLinks(old.Links, now.Links)
	kept := make([]bool, len(now.Links))
	for i := range old.Links {
		if twins[i] < 0 {
			all = append(all, LinkChange{Old: &old.Links[i], Lost: addrs(&old.Links[i], nil)})
			continue
		}
		kept[twins[i]] = true
		l, m := &old.Links[i], &now.Links[twins[i]]
		ch := LinkChange{Old: l, New: m, Changed: c.changed(l, m), Lost: addrs(l, m), Gained: addrs(m, l)}
		if len(ch.Changed)+len(ch.Lost)+len(ch.Gained) > 0 {
			all = append(all, ch)
		}
	}
	for j := range now.Links {
		if !kept[j] {
			all = append(all, LinkChange{New: &now.Links[j], Gained: addrs(&now.Links[j], nil)})
		}
	}
	slices.SortStableFunc(all, func(a, b LinkChange) int { return strings.Compare(a.Link().Name, b.Link().Name) })
	return all
}

// Link returns the link as it is or, of one that has gone, was.
func (c *LinkChange) Link() *ns.Link {
	if c.New != nil {
		return c.New
	}
	return c.Old
}

// matchLinks returns for each old link the index of the same among the new ones: that of its
// name or else, within a boot, of its index, which the kernel does not give again soon; of
// another boot the one with the same other end, whose own name may be a random one. A link that
// came from another namespace may have the name, or the index, of one that has gone, but not its
// hardware address as well.
func (c *comparison) matchLinks(old, now []ns.Link) []int {
	byName, byIndex, taken := make(map[string]int, len(now)), make(map[int]int, len(now)), make([]bool, len(now))
	for j := range now {
		byName[now[j].Name], byIndex[now[j].Index] = j, j
	}
	twins := make([]int, len(old))
	for i := range old {
		twins[i] = -1
		if j, ok := byName[old[i].Name]; ok && !taken[j] && (!c.byKernel() || old[i].Index == now[j].Index || bytes.Equal(old[i].MAC, now[j].MAC)) {
			twins[i], taken[j] = j, true
		}
	}
	for i := range old {
		j, ok := byIndex[old[i].Index]
		if ok && twins[i] < 0 && !taken[j] && c.byKernel() && old[i].Kind == now[j].Kind && bytes.Equal(old[i].MAC, now[j].MAC) {
			twins[i], taken[j] = j, true
		}
	}
	if !c.byKernel() {
		c.matchPeers(old, now, twins, taken)
	}
	return twins
}

// matchPeers matches links by the namespace and the name of their other end.
func (c *comparison) matchPeers(old, now []ns.Link, twins []int, taken []bool) {
	type place struct {
		namespace int // in the new snapshot
		name      string
	}
	at := map[place]int{}
	for j := range now {
		if p := now[j].Peer; p != nil && !taken[j] && p.Name != "" {
			if k := c.now.index(ns.Net, p.Inode); k >= 0 {
				at[place{k, p.Name}] = j
			}
		}
	}
	for i := range old {
		p := old[i].Peer
		if p == nil || twins[i] >= 0 {
			continue
		}
		k := c.old.index(ns.Net, p.Inode)
		if k < 0 || c.old.pair[k] < 0 {
			continue
		}
		if j, ok := at[place{c.old.pair[k], p.Name}]; ok && !taken[j] {
			twins[i], taken[j] = j, true
		}
	}
}

// changed names what is different of a link, except for its addresses.
func (c *comparison) changed(l, m *ns.Link) (what []string) {
	for _, member := range []struct {
		name      string
		different bool
	}{
		{"name", c.byKernel() && l.Name != m.Name},
		{"altnames", !slices.Equal(l.AltNames, m.AltNames)},
		{"index", c.byKernel() && l.Index != m.Index},
		{"kind", l.Kind != m.Kind},
		{"mac", c.byKernel() && l.MAC.String() != m.MAC.String()},
		{"state", l.Up != m.Up},
		{"peer", c.peerMoved(l.Peer, m.Peer)},
	} {
		if member.different {
			what = append(what, member.name)
		}
	}
	return what
}

// peerMoved reports whether the other end of a pair is another link, or elsewhere; not where
// one of the two was not found.
func (c *comparison) peerMoved(p, q *ns.Peer) bool {
	if p == nil || q == nil || p.Inode == 0 || q.Inode == 0 {
		return false
	}
	i, j := c.old.index(ns.Net, p.Inode), c.now.index(ns.Net, q.Inode)
	switch {
	case i < 0 || j < 0:
		return c.byKernel() && p.Inode != q.Inode
	case c.old.nameless[i] || c.now.nameless[j]:
		return false
	case c.old.pair[i] != j:
		return true
	}
	return c.byKernel() && p.Index != q.Index
}

// addrs returns the addresses of a link that another one, which may be nil, does not have. A
// link may have tens of thousands.
func addrs(l, other *ns.Link) (all []AddrChange) {
	if other != nil && slices.Equal(l.Addrs, other.Addrs) {
		return nil
	}
	has := map[netip.Prefix]bool{}
	if other != nil {
		for _, p := range other.Addrs {
			has[p] = true
		}
	}
	for _, p := range l.Addrs {
		if !has[p] {
			all = append(all, AddrChange{Addr: p})
		}
	}
	return all
}
