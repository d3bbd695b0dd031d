// SPDX-License-Identifier: Apache-2.0

package render

import (
	"encoding/binary"
	"strings"

	"github.com/nsinspect/nsinspect/internal/text"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// appendLikeness adds, as bytes, everything in which equal namespaces are the same: all
// that a table shows but what each has of its own, which is its numbers, its age, its
// leader's PID and the numbers in its names.
func (r *listRow) appendLikeness(to []byte) []byte {
	n := r.Namespace
	to = appendNumbers(to, int(n.Type), int(n.UserNS), int(n.Parent), n.OwnerUID, n.Threads, bit(n.References != nil), bit(n.Links != nil), bit(n.Age.Since.IsZero()))
	to = append(to, n.Age.From...)
	if o := r.owner; o != nil {
		to = appendTexts(to, o.Runtime, o.ID, o.Name, o.Pod, o.Unit, o.Service)
		to = appendAuthority(to, o.Authority)
	}
	to = append(to, 'N')
	for i := range n.Names {
		name := &n.Names[i]
		to = appendTexts(to, dirOf(name.Path), string(name.Kind))
		to = append(text.AppendShape(to, name.Name), 0) // which is in no name of a file
		to = appendAuthority(to, name.Authority)
	}
	to = append(to, 'H')
	for i := range n.Holders {
		to = appendHolder(to, &n.Holders[i])
	}
	to = append(to, 'L')
	for i := range n.Links {
		l := &n.Links[i]
		to = appendTexts(to, l.Name, l.Kind)
		to = appendNumbers(to, bit(l.Peer != nil), bit(l.Up))
		for _, a := range distinctAddrs(l) {
			to = appendTexts(to, a.String())
		}
	}
	if p := n.Leader; p != nil {
		to = appendTexts(append(to, 'P'), p.Comm)
		to = appendTexts(appendNumbers(to, p.UID), p.Cmdline...)
	}
	return to
}

func appendHolder(to []byte, h *ns.Holder) []byte {
	to = appendNumbers(to, int(h.Kind), int(h.Refs))
	switch h.Kind {
	case ns.KindProcess, ns.KindThread:
		return appendNumbers(to, int(h.Via))
	case ns.KindMount:
		to = appendNumbers(to, int(h.MountNS), bit(h.Covered), bit(h.Path == ""))
		to = appendTexts(to, dirOf(h.Path))
		to = appendAuthority(to, h.Authority)
	case ns.KindChild:
		if h.Child != nil {
			to = appendNumbers(to, int(h.Child.Type))
		}
	}
	s := h.Socket.Words()
	to = appendNumbers(to, int(h.Via))
	return appendTexts(to, s.Family, s.Type, s.State)
}

func appendNumbers(to []byte, all ...int) []byte {
	for _, n := range all {
		to = binary.AppendVarint(to, int64(n))
	}
	return to
}

// appendTexts adds texts with their lengths, so that no two lists of them are one.
func appendTexts(to []byte, all ...string) []byte {
	to = binary.AppendUvarint(to, uint64(len(all)))
	for _, s := range all {
		to = append(binary.AppendUvarint(to, uint64(len(s))), s...)
	}
	return to
}

func appendAuthority(to []byte, a ns.Authority) []byte {
	return appendNumbers(to, int(a.Source), int(a.UID), bit(a.Trusted))
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

// dirOf returns the directory of a path.
func dirOf(path string) string { return path[:strings.LastIndexByte(path, '/')+1] }

// likeness describes what equal namespaces have in common.
func (r *listRow) likeness() (parts []string) {
	n := r.Namespace
	if len(r.snap.Types) > 1 {
		parts = append(parts, n.Type.String())
	}
	if len(n.Names) > 0 {
		var shapes []string
		for i := range n.Names {
			label := n.Names[i].Authority.Qualify(text.Name(text.Shape(n.Names[i].Name)))
			if len(shapes) == 0 || shapes[len(shapes)-1] != label {
				shapes = append(shapes, label)
			}
		}
		parts = append(parts, text.Join(shapes, ","))
	} else {
		parts = append(parts, "no name")
	}
	if n.Links != nil {
		parts = append(parts, linksInCommon(n.Links))
	}
	if r.owner != nil {
		parts = append(parts, ownerCell(r.owner, false))
	}
	if kinds := n.Tally(); len(kinds) > 0 {
		parts = append(parts, strings.Join(kinds, ", ")+" each")
	}
	if n.Leader != nil {
		parts = append(parts, text.Cut(text.Escape(Command(n.Leader)), 40))
	}
	return parts
}

func linksInCommon(all []ns.Link) string {
	switch {
	case len(all) == 0:
		return "no links"
	case len(all) == 1 && all[0].Kind == "loopback":
		return "only " + text.Name(all[0].Name)
	}
	return linkCell(all, noMore)
}
