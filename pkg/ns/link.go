// SPDX-License-Identifier: Apache-2.0

package ns

import (
	"net"
	"net/netip"
)

// SourceLink is the source of a gap where links could not be read.
const SourceLink = "link"

// Link is a network interface of a namespace, which pkg/links reads.
type Link struct {
	Name     string           // chosen by strangers: anything but "/", ":" and white space
	AltNames []string         // further names, longer ones
	Index    int              // unique in its namespace
	Kind     string           // what its driver calls it: "veth", "bridge"; "loopback"; "" where it has no word for it
	MAC      net.HardwareAddr // nil if it has none
	Up       bool             // set up by whoever owns it; it need not have a carrier
	Addrs    []netip.Prefix   // in the kernel's order
	Peer     *Peer            // of a link that is one end of a pair, such as a veth; nil of any other
}

// Link returns the link of a namespace that has an index, nil if it has none or links were
// not read.
func (n *Namespace) Link(index int) *Link {
	for i := range n.Links {
		if n.Links[i].Index == index {
			return &n.Links[i]
		}
	}
	return nil
}

// Peer is the other end of a pair of links.
type Peer struct {
	Index int    // in its namespace
	Inode uint64 // of its namespace; 0 if that was not found
	Name  string // "" if it was not found
}
