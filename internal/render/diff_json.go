// SPDX-License-Identifier: Apache-2.0

package render

import (
	"github.com/nsinspect/nsinspect/internal/wire"
	"github.com/nsinspect/nsinspect/pkg/snapshot"
)

// diffDocument returns a diff as JSON and YAML have it.
func diffDocument(d *snapshot.Diff) wire.Diff {
	old := wire.NewParts(d.Old.Snapshot, d.Old.Owners, d.Old.Owner)
	now := wire.NewParts(d.New.Snapshot, d.New.Owners, d.New.Owner)
	doc := wire.Diff{
		Identity: string(d.Identity), Same: d.Same(), Ignored: d.Ignored.Words(), Unfit: d.Unfit,
		Unread: []wire.DiffUnread{}, Namespaces: []wire.DiffNamespace{}, Findings: []wire.DiffFinding{}, Dangling: []wire.DiffDangling{},
	}
	for _, u := range d.Unread {
		doc.Unread = append(doc.Unread, wire.DiffUnread{What: u.What, Old: u.Old, New: u.New, Count: u.Count})
	}
	if n := d.Nameless; n != [2]int{} {
		doc.Nameless = &wire.DiffNameless{Old: n[0], New: n[1]}
	}
	for i := range d.Namespaces {
		doc.Namespaces = append(doc.Namespaces, diffNamespace(&d.Namespaces[i], old, now))
	}
	for _, f := range d.Findings {
		doc.Findings = append(doc.Findings, wire.DiffFinding{Old: old.Finding(f.Old), New: now.Finding(f.New)})
	}
	for _, n := range d.Dangling {
		doc.Dangling = append(doc.Dangling, wire.DiffDangling{Old: old.Dangling(n.Old), New: now.Dangling(n.New)})
	}
	doc.Head, doc.Old = now.Head(), old.Head() // last: a search for owners may leave gaps
	return doc
}

func diffNamespace(c *snapshot.Change, old, now wire.Parts) wire.DiffNamespace {
	w := wire.DiffNamespace{Change: c.Action.String(), What: c.Words()}
	switch c.Action {
	case snapshot.Freed:
		w.Namespace = old.Namespace(c.Old)
	case snapshot.Changed:
		w.Was = old.Ref(c.Old)
		fallthrough
	default:
		w.Namespace = now.Namespace(c.New)
	}
	if c.OwnerChanged {
		w.OldOwner = wire.NewOwner(c.OldOwner)
	}
	for _, n := range c.Names {
		w.Names = append(w.Names, wire.DiffName{Old: old.Name(n.Old), New: now.Name(n.New)})
	}
	for _, h := range c.Holders {
		w.Holders = append(w.Holders, wire.DiffHolders{
			Kind: h.Kind.String(), Old: h.Old, New: h.New, Lost: old.Holders(c.Old, h.Lost), Gained: now.Holders(c.New, h.Gained),
		})
	}
	for i := range c.Links {
		l := &c.Links[i]
		link := wire.DiffLink{Old: old.Link(l.Old), New: now.Link(l.New), Elsewhere: now.Ref(l.Elsewhere), Changed: l.Changed}
		for _, a := range l.Lost {
			link.Lost = append(link.Lost, old.Addr(a.Addr, a.Elsewhere))
		}
		for _, a := range l.Gained {
			link.Gained = append(link.Gained, now.Addr(a.Addr, a.Elsewhere))
		}
		w.Links = append(w.Links, link)
	}
	return w
}
