// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"net/netip"

	"github.com/nsinspect/nsinspect/pkg/doctor"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
)

// Diff is the document of nsinspect diff. What it has beside the differences is of the new
// snapshot.
type Diff struct {
	Head
	Old        Head            `json:"old"`                                                                                              // of the old snapshot
	Identity   string          `json:"identity" jsonschema:"enum=kernel,enum=name,enum=machine-name,enum=unknown-boot"`                  // how a namespace is found again: within one boot by what the kernel gave it; across boots, across machines, and where the boot is unknown by name and owner alone
	Same       bool            `json:"same"`                                                                                             // whether nothing is different
	Ignored    []string        `json:"ignored" jsonschema:"enum=processes,enum=holders,enum=names,enum=owners,enum=links,enum=findings"` // what was not compared, as --ignore asks for
	Unread     []DiffUnread    `json:"unread"`                                                                                           // what was not compared, as one of the snapshots does not have it
	Nameless   *DiffNameless   `json:"nameless,omitempty"`                                                                               // by name and owner alone: namespaces that have neither, which were not compared
	Unfit      int             `json:"unfit,omitempty"`                                                                                  // how many differences --filter leaves out
	Namespaces []DiffNamespace `json:"namespaces"`                                                                                       // by type, then inode
	Findings   []DiffFinding   `json:"findings"`                                                                                         // of doctor
	Dangling   []DiffDangling  `json:"dangling"`                                                                                         // entries of names directories that refer to no namespace, by path
}

// DiffUnread is what was not compared.
type DiffUnread struct {
	What  string `json:"what"`
	Old   bool   `json:"old"`             // whether the old snapshot does not have it
	New   bool   `json:"new"`             // whether the new one does not
	Count int    `json:"count,omitempty"` // of how many; absent if of all, or that is unknown
}

// DiffNameless counts namespaces without a name and an owner.
type DiffNameless struct {
	Old int `json:"old"`
	New int `json:"new"`
}

// DiffNamespace is a namespace that is different.
type DiffNamespace struct {
	Change    string        `json:"change" jsonschema:"enum=created,enum=freed,enum=changed"`
	What      []string      `json:"what" jsonschema:"enum=created,enum=freed,enum=renamed,enum=names,enum=owner,enum=processes,enum=holders,enum=links,enum=addrs,enum=peers,enum=moved"` // what is different, in words that --filter compares change with
	Namespace Namespace     `json:"namespace"`                                                                                                                                            // in the new snapshot; one that was freed in the old one
	Was       *Ref          `json:"was,omitempty"`                                                                                                                                        // of one that changed: in the old snapshot
	OldOwner  *Owner        `json:"old_owner,omitempty"`                                                                                                                                  // of one whose owner changed or ended
	Names     []DiffName    `json:"names,omitempty"`
	Holders   []DiffHolders `json:"holders,omitempty"` // by kind
	Links     []DiffLink    `json:"links,omitempty"`   // by name; of one that was created or freed only what was moved
}

// DiffName is a name gained, lost, or one for another.
type DiffName struct {
	Old *Name `json:"old,omitempty"`
	New *Name `json:"new,omitempty"`
}

// DiffHolders are the holders of one kind that were gained and lost.
type DiffHolders struct {
	Kind   string   `json:"kind" jsonschema:"enum=process,enum=thread,enum=fd,enum=mount,enum=socket,enum=tun,enum=mmap,enum=inflight,enum=child,enum=kernel"`
	Old    int      `json:"old"` // how many there were; of kernel, how many references nothing explained
	New    int      `json:"new"`
	Lost   []Holder `json:"lost,omitempty"` // absent across boots but for mounts
	Gained []Holder `json:"gained,omitempty"`
}

// DiffLink is a link that has come, gone or changed.
type DiffLink struct {
	Old       *Link      `json:"old,omitempty"`
	New       *Link      `json:"new,omitempty"`
	Elsewhere *Ref       `json:"elsewhere,omitempty"`                                                                                       // the namespace that it came from, or is in now
	Changed   []string   `json:"changed,omitempty" jsonschema:"enum=name,enum=altnames,enum=index,enum=kind,enum=mac,enum=state,enum=peer"` // what is different but the addresses
	Lost      []DiffAddr `json:"lost,omitempty"`
	Gained    []DiffAddr `json:"gained,omitempty"`
}

// DiffAddr is an address gained or lost.
type DiffAddr struct {
	Addr      string `json:"addr"`
	Elsewhere *Ref   `json:"elsewhere,omitempty"` // the namespace that it came from, or is in now
}

// DiffFinding is a finding that is new, gone or of another severity.
type DiffFinding struct {
	Old *Finding `json:"old,omitempty"`
	New *Finding `json:"new,omitempty"`
}

// DiffDangling is an entry of a names directory that refers to no namespace and is new,
// gone or something else.
type DiffDangling struct {
	Old *DanglingName `json:"old,omitempty"`
	New *DanglingName `json:"new,omitempty"`
}

// Parts makes the parts of a document about several snapshots: those of one of them.
type Parts struct {
	c       *converter
	ownerOf func(*ns.Namespace) *owner.Owner
}

// NewParts returns what makes parts that are of a snapshot.
func NewParts(s *ns.Snapshot, x *owner.Index, ownerOf func(*ns.Namespace) *owner.Owner) Parts {
	return Parts{newConverter(s, x), ownerOf}
}

// Head returns the head of the snapshot.
func (p Parts) Head() Head { return newHead(p.c.snap, p.c.owners) }

// Namespace returns a namespace without its holders.
func (p Parts) Namespace(n *ns.Namespace) Namespace {
	w := p.c.namespace(n)
	w.Owner = NewOwner(p.ownerOf(n))
	return w
}

// Ref returns a reference to a namespace, nil for nil.
func (p Parts) Ref(n *ns.Namespace) *Ref {
	if n == nil {
		return nil
	}
	return newRef(n)
}

// Name returns a name, nil for nil.
func (p Parts) Name(n *ns.Name) *Name {
	if n == nil {
		return nil
	}
	return &Name{n.Name, raw(n.Name), n.Path, raw(n.Path), string(n.Kind), n.Authority.String()}
}

// Holders returns holders of a namespace.
func (p Parts) Holders(n *ns.Namespace, some []*ns.Holder) (all []Holder) {
	for _, h := range some {
		all = append(all, p.c.holder(n, h))
	}
	return all
}

// Link returns a link, nil for nil.
func (p Parts) Link(l *ns.Link) *Link {
	if l == nil {
		return nil
	}
	return &p.c.links([]ns.Link{*l})[0]
}

// Addr returns an address with where else it was or is.
func (p Parts) Addr(a netip.Prefix, elsewhere *ns.Namespace) DiffAddr {
	return DiffAddr{a.String(), p.Ref(elsewhere)}
}

// Finding returns a finding, nil for nil.
func (p Parts) Finding(f *doctor.Finding) *Finding {
	if f == nil {
		return nil
	}
	w := p.c.finding(f)
	return &w
}

// Dangling returns an entry of a names directory, nil for nil.
func (p Parts) Dangling(d *ns.DanglingName) *DanglingName {
	if d == nil {
		return nil
	}
	w := newDangling(d)
	return &w
}
