// SPDX-License-Identifier: Apache-2.0

package render

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nsinspect/nsinspect/internal/text"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/snapshot"
)

// holders adds how many holders of a kind there were and are or, where that is the same, how
// many are others; and which were lost and gained.
func (p *diffPrinter) holders(h *snapshot.HolderChange) {
	what := h.Kind.Plural(2)
	if h.Kind == ns.KindKernel {
		what = "unexplained references"
	}
	count := fmt.Sprintf("%s %s -> %s", what, text.Count(h.Old), text.Count(h.New))
	if h.Old == h.New {
		count = fmt.Sprintf("%s: %s lost, %s gained", what, text.Count(len(h.Lost)), text.Count(len(h.Gained)))
	}
	p.line(1, "~", count)
	for _, part := range []struct {
		sign string
		all  []*ns.Holder
		file *snapshot.File
	}{{"-", h.Lost, p.Old}, {"+", h.Gained, p.New}} {
		shown := p.short(len(part.all))
		for _, one := range part.all[:shown] {
			p.line(2, part.sign, holderText(part.file.Snapshot, one))
		}
		p.more(shown, len(part.all), h.Kind.Plural(2))
	}
}

// holderText describes a holder: "fd 3 of pid 7 (nginx -g), inet stream".
func holderText(s *ns.Snapshot, h *ns.Holder) string {
	switch h.Kind {
	case ns.KindMount:
		return strings.TrimPrefix("mount "+name(h.Path)+mountNote(h, s.MountNS), " ")
	case ns.KindChild:
		if h.Child != nil {
			return "child " + text.Title(h.Child)
		}
	}
	var words []string
	if h.Kind.HasFD() && h.FD >= 0 {
		words = append(words, fmt.Sprintf("%s %d", h.Kind, h.FD))
	} else if h.Kind != ns.KindProcess {
		words = append(words, h.Kind.String())
	}
	if h.TID != 0 {
		words = append(words, "tid "+h.TID.String())
	}
	if h.PID != 0 {
		words = append(words, "pid "+h.PID.String())
	}
	if h.Process != nil {
		words = append(words, "("+text.Cut(Escape(Command(h.Process)), 60)+")")
	}
	line := strings.Join(words, " ")
	if more := what(h); more != "" {
		line += ", " + more
	}
	return line
}

// links adds which links and addresses have come, gone and changed.
func (p *diffPrinter) links(c *snapshot.Change) {
	shown := p.short(len(c.Links))
	for i := range c.Links[:shown] {
		l := &c.Links[i]
		switch {
		case l.Old == nil:
			p.line(1, "+", "link "+linkText(l.New)+elsewhere("moved from", l.Elsewhere))
		case l.New == nil:
			p.line(1, "-", "link "+linkText(l.Old)+elsewhere("moved to", l.Elsewhere))
		default:
			for _, what := range l.Changed {
				p.line(1, "~", fmt.Sprintf("link %s: %s %s -> %s", text.Name(l.Old.Name), what, p.member(p.Old, l.Old, what), p.member(p.New, l.New, what)))
			}
		}
		if l.Old != nil && l.New != nil || l.Elsewhere == nil {
			p.addrs(l, l.Old == nil || l.New == nil)
		}
	}
	p.more(shown, len(c.Links), "links")
}

// addrs adds the addresses that a link has lost and gained; of one that has come or gone
// itself, those alone that were moved.
func (p *diffPrinter) addrs(l *snapshot.LinkChange, movedOnly bool) {
	for _, part := range []struct {
		sign, word string
		all        []snapshot.AddrChange
	}{{"-", "moved to", l.Lost}, {"+", "moved from", l.Gained}} {
		for _, a := range part.all {
			if a.Elsewhere != nil || !movedOnly {
				p.line(1, part.sign, fmt.Sprintf("address %s of %s%s", a.Addr, text.Name(l.Link().Name), elsewhere(part.word, a.Elsewhere)))
			}
		}
	}
}

// moves adds what a namespace that was created or freed has from others, or left to them.
func (p *diffPrinter) moves(c *snapshot.Change) {
	shown := p.short(len(c.Links))
	for i := range c.Links[:shown] {
		l := &c.Links[i]
		switch {
		case l.Elsewhere == nil:
			p.addrs(l, true)
		case c.Action == snapshot.Created:
			p.line(1, "+", "link "+linkText(l.New)+elsewhere("moved from", l.Elsewhere))
		default:
			p.line(1, "-", "link "+linkText(l.Old)+elsewhere("moved to", l.Elsewhere))
		}
	}
	p.more(shown, len(c.Links), "links")
}

// elsewhere returns where a link or an address came from or went.
func elsewhere(word string, n *ns.Namespace) string {
	if n == nil {
		return ""
	}
	return fmt.Sprintf(", %s %s", word, diffTitle(n, nil))
}

// linkText returns a link with its kind and addresses.
func linkText(l *ns.Link) string {
	parts := []string{text.Name(l.Name)}
	if l.Kind != "" {
		parts = append(parts, "("+text.Name(l.Kind)+")")
	}
	for _, a := range distinctAddrs(l) {
		parts = append(parts, a.String())
	}
	return text.Join(parts, " ")
}

// member returns what a link has as one of its members.
func (p *diffPrinter) member(file *snapshot.File, l *ns.Link, what string) string {
	switch what {
	case "name":
		return text.Name(l.Name)
	case "altnames":
		names := slices.Clone(l.AltNames)
		for i := range names {
			names[i] = text.Name(names[i])
		}
		return "[" + text.Join(names, ",") + "]"
	case "index":
		return fmt.Sprint(l.Index)
	case "kind":
		return text.Name(l.Kind)
	case "mac":
		return l.MAC.String()
	case "state":
		if l.Up {
			return "up"
		}
		return "down"
	}
	return p.peerIn(file, l)
}

// peerIn returns where the other end of a link is.
func (p *diffPrinter) peerIn(file *snapshot.File, l *ns.Link) string {
	if n := p.find(file, l.Peer.Inode); n != nil {
		return text.Name(l.Peer.Name) + " in " + diffTitle(n, file.Owner(n))
	}
	return text.Name(l.Peer.Name) + " in " + ns.FormatLink(ns.Net, l.Peer.Inode)
}

// find returns a namespace of a snapshot, nil if it is not there. A host's links lead to
// thousands.
func (p *diffPrinter) find(file *snapshot.File, inode uint64) *ns.Namespace {
	at := p.byInode[file]
	if at == nil {
		at = map[uint64]*ns.Namespace{}
		for i := range file.Snapshot.Namespaces {
			at[file.Snapshot.Namespaces[i].Inode] = &file.Snapshot.Namespaces[i]
		}
		p.byInode[file] = at
	}
	return at[inode]
}
