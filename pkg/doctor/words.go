// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"slices"

	"github.com/nsinspect/nsinspect/internal/explain"
	"github.com/nsinspect/nsinspect/pkg/links"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// about begins a finding about a namespace.
func (x *inspection) about(n *ns.Namespace) Finding {
	subject := n.String()
	if name := n.BestName(); name != "" {
		subject += " (" + name + ")"
	}
	f := Finding{
		Authority: ns.KernelAuthority,
		Severity:  Warning, Subject: subject, Namespace: n, Since: n.Age.Since,
		marks: []string{fmt.Sprintf("%d %d", n.Inode, n.Cookie)},
	}
	if !x.brief {
		f.Owner = x.owners().Namespace(n)
	}
	if f.Owner != nil {
		f.See(explain.OfOwner(f.Owner))
	}
	return f
}

// aboutPath begins a finding about an entry of a names directory.
func aboutPath(s *ns.DanglingName) Finding {
	return Finding{Severity: Warning, Authority: s.Authority, Subject: s.Path, Path: s.Path, Since: s.Made, marks: []string{s.Path}}
}

// write sets what is written of a finding, unless nobody reads it.
func (x *inspection) write(f *Finding, text func(*explain.Adviser) explain.Text) {
	if !x.brief {
		f.write(text(x.adviser()))
		if x.whole { // all that keeps namespaces alive is in memory as well
			f.packed = f.Pack()
		}
	}
}

// write sets what is written of a finding, after what was seen before.
func (f *Finding) write(t explain.Text) {
	t.Evidence = append(f.Evidence, t.Evidence...)
	f.Text = t
}

// addAge adds how old a namespace is and who made it, as far as that is known.
func (x *inspection) addAge(f *Finding) {
	if x.brief {
		return
	}
	f.Age(f.Namespace)
	if f.Owner == nil && len(f.Namespace.Names) > 0 {
		f.NamedBy(namingProgram(f.Namespace.Names[0].Name))
	}
}

// addLinks adds which interfaces and addresses a namespace still has: it answers
// for them, and nobody else on the same wire can have them. Only namespaces that
// are reported are asked, together with the host's, where the other ends of pairs are; or
// all were before.
func (x *inspection) addLinks(f *Finding) {
	initial := x.snap.Initial[ns.Net]
	switch n := f.Namespace; {
	case x.brief || x.whole && n.Links == nil:
		return
	case x.whole:
		f.Links(peersIn(n.Links, n.Inode, initial), initial)
		return
	}
	part := *x.snap
	part.Namespaces, part.Gaps = []ns.Namespace{*f.Namespace}, nil
	if host := x.snap.Find(initial); host != nil {
		part.Namespaces = append(part.Namespaces, *host)
	}
	if links.Read(x.ctx, x.host, &part) != nil { // only if the host cannot be read, for which the scan has a gap
		return
	}
	if n := &part.Namespaces[0]; n.Links != nil { // else it is of a recorded tree, or cannot be entered
		f.Links(n.Links, initial)
	}
}

// peersIn returns links without the other ends that are in none of some namespaces.
func peersIn(all []ns.Link, inodes ...uint64) []ns.Link {
	var out []ns.Link
	for _, l := range all {
		if l.Peer != nil && !slices.Contains(inodes, l.Peer.Inode) {
			l.Peer = nil
		}
		out = append(out, l)
	}
	return out
}

// uncertain makes a finding that rests on nothing having been seen there one of
// severity Unknown, if not all was seen.
func (x *inspection) uncertain(f *Finding, sources ...string) {
	if x.brief {
		return
	}
	if why := x.missingSources(sources...); why != "" {
		f.Severity = Unknown
		f.NotCertain(why)
	}
}
