// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"strings"

	"github.com/nsinspect/nsinspect/pkg/links"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// addLinks adds which interfaces and addresses a namespace still has: it answers
// for them, and nobody else on the same wire can have them. Only namespaces that
// are reported are asked, together with the host's, where the other ends of pairs are.
func (x *inspection) addLinks(f *Finding) {
	part := *x.snap
	part.Namespaces, part.Gaps = []ns.Namespace{*f.Namespace}, nil
	if host := x.snap.Find(x.snap.Initial[ns.Net]); host != nil {
		part.Namespaces = append(part.Namespaces, *host)
	}
	if links.Read(x.ctx, x.host, &part) != nil { // only if the host cannot be read, for which the scan has a gap
		return
	}
	n := &part.Namespaces[0]
	if n.Links == nil {
		return // a recorded tree, or one that cannot be entered
	}
	var descriptions []string
	for i := range n.Links {
		if l := &n.Links[i]; l.Kind != "loopback" {
			descriptions = append(descriptions, x.link(l))
		}
	}
	if len(descriptions) == 0 {
		f.Evidence = append(f.Evidence, "it has no interface but lo")
		return
	}
	f.Evidence = append(f.Evidence, few(descriptions, 3)...)
}

// link describes an interface: "eth0 is up, with 10.0.0.7/24; its other end is
// veth12 in the host's namespace".
func (x *inspection) link(l *ns.Link) string {
	state := "down"
	if l.Up {
		state = "up"
	}
	text := fmt.Sprintf("%s is %s", l.Name, state)
	var addrs []string
	for _, a := range l.Addrs {
		addrs = append(addrs, a.String())
	}
	if len(addrs) > 0 {
		text += ", with " + strings.Join(few(addrs, 3), ", ")
	}
	if p := l.Peer; p != nil && p.Name != "" {
		where := ns.FormatLink(ns.Net, p.Inode)
		if p.Inode == x.snap.Initial[ns.Net] {
			where = "the host's namespace"
		}
		text += fmt.Sprintf("; its other end is %s in %s", p.Name, where)
	}
	return text
}
