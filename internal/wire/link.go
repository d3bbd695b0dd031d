// SPDX-License-Identifier: Apache-2.0

package wire

import "github.com/nsinspect/nsinspect/pkg/ns"

// Link is a network interface.
type Link struct {
	Name           string   `json:"name"`
	NameBase64     []byte   `json:"name_base64,omitempty"`
	AltNames       []string `json:"altnames,omitempty"` // further names
	AltNamesBase64 [][]byte `json:"altnames_base64,omitempty"`
	Index          int      `json:"index"`          // unique in the namespace
	Kind           string   `json:"kind,omitempty"` // the name of its driver, as veth or bridge; loopback; absent for most hardware
	MAC            string   `json:"mac,omitempty"`
	Up             bool     `json:"up"`             // whether it is set up; it need not have a carrier
	Addrs          []string `json:"addrs"`          // IP addresses with prefix length; of 65,536 in one namespace at most, else there is a gap
	Peer           *Peer    `json:"peer,omitempty"` // the other end of a veth, vxcan or netkit
}

// Peer is the other end of a pair of links.
type Peer struct {
	Index      int    `json:"index"` // in its namespace
	Name       string `json:"name,omitempty"`
	NameBase64 []byte `json:"name_base64,omitempty"`
	Namespace  *Ref   `json:"namespace,omitempty"` // absent if it was not found
}

// links returns nil where links were not read.
func (c *converter) links(all []ns.Link) []Link {
	var out []Link
	for i := range all {
		l := &all[i]
		w := Link{
			Name: l.Name, NameBase64: raw(l.Name), AltNames: l.AltNames, AltNamesBase64: raws(l.AltNames),
			Index: l.Index, Kind: l.Kind, MAC: l.MAC.String(), Up: l.Up, Addrs: []string{},
		}
		for _, p := range l.Addrs {
			w.Addrs = append(w.Addrs, p.String())
		}
		if p := l.Peer; p != nil {
			w.Peer = &Peer{p.Index, p.Name, raw(p.Name), c.ref(ns.Net, p.Inode)}
		}
		out = append(out, w)
	}
	return out
}
