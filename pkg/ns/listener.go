// SPDX-License-Identifier: Apache-2.0

package ns

import "net/netip"

// SourceListener is the source of a gap where listening sockets could not be read.
const SourceListener = "listener"

// Listener is a socket that waits for connections or datagrams at a port.
type Listener struct {
	Proto   string         // "tcp" or "udp"
	Addr    netip.AddrPort // the address that it is bound to, which may be the one that stands for all
	V6Only  bool           // bound to ::, it takes nothing by IPv4
	Index   int            // of the link that it is bound to; 0 if to none
	UID     int            // of whoever made it
	Socket  uint64         // inode of its file; 0 if it has none
	Holders []Holder       // the descriptors of processes that it is open by
}

// Local is a route of type local, by which a network namespace takes addresses for its own
// that no link of it needs to have.
type Local struct {
	Prefix netip.Prefix
	Index  int // of its link
}
