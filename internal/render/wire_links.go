// SPDX-License-Identifier: Apache-2.0

package render

import (
	"github.com/nsinspect/nsinspect/pkg/ns"
)

type wireLink struct {
	Name       string    `json:"name"`
	NameBase64 []byte    `json:"name_base64,omitempty"`
	AltNames   []string  `json:"altnames,omitempty"`
	Index      int       `json:"index"`
	Kind       string    `json:"kind,omitempty"`
	MAC        string    `json:"mac,omitempty"`
	Up         bool      `json:"up"`
	Addrs      []string  `json:"addrs"`
	Peer       *wirePeer `json:"peer,omitempty"`
}

type wirePeer struct {
	Index int    `json:"index"`
	Inode uint64 `json:"inode,omitempty"`
	Name  string `json:"name,omitempty"`
}

// wireMatch says by which link the namespace was found that was asked for.
type wireMatch struct {
	By     string `json:"by"`
	Value  string `json:"value"`
	Inode  uint64 `json:"inode"`
	Device string `json:"device"`
}

// linksOf returns nil where links were not read.
func linksOf(all []ns.Link) []wireLink {
	var out []wireLink
	for i := range all {
		l := &all[i]
		w := wireLink{
			Name: l.Name, NameBase64: rawOf(l.Name), AltNames: l.AltNames, Index: l.Index, Kind: l.Kind,
			MAC: l.MAC.String(), Up: l.Up, Addrs: []string{},
		}
		for _, p := range l.Addrs {
			w.Addrs = append(w.Addrs, p.String())
		}
		if p := l.Peer; p != nil {
			w.Peer = &wirePeer{p.Index, p.Inode, p.Name}
		}
		out = append(out, w)
	}
	return out
}
