// SPDX-License-Identifier: Apache-2.0

package resolve

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/nsinspect/nsinspect/internal/kernel"
	"github.com/nsinspect/nsinspect/internal/record"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// find looks a reference up in a snapshot. It returns nil without an error if
// nothing fits. A user's word neither fits nor makes it ambiguous, unless the reference
// names that user.
func (r Ref) find(ctx context.Context, h machine, known Aliases, t ns.Type, snap *ns.Snapshot, k record.Key, direct bool) (*ns.Namespace, error) {
	found := r.fixed(snap, k, direct)
	if r.mayBeName() {
		found = append(found, r.named(h, snap)...)
	}
	believed := func(f fit) bool {
		return f.reused == nil && (r.believes(f.authority) || f.authority.Source == ns.OfKernel)
	}
	aliases, err := r.findAliases(ctx, h, known, t, snap, slices.ContainsFunc(found, believed))
	found = append(found, aliases...)
	var fits []*ns.Namespace
	var how []string
	var users []fit
	var reused error
	for _, f := range found {
		if f.reused != nil {
			reused = f.reused
			continue
		}
		if !believed(f) {
			users = append(users, f)
			continue
		}
		if !slices.Contains(fits, f.n) {
			fits = append(fits, f.n)
		}
		how = append(how, f.how)
	}
	switch {
	case len(fits) == 1:
		return fits[0], nil
	case len(fits) > 1:
		return nil, r.ambiguous(len(fits), how)
	}
	if err := lack(snap); err != nil {
		return nil, err
	}
	if reused != nil {
		return nil, reused
	}
	if err == nil && len(users) == 0 {
		return nil, nil
	}
	if err := r.dangling(snap); err != nil {
		return nil, err
	}
	if err != nil {
		return nil, err
	}
	return nil, r.onlyUsers(users)
}

// lack returns an error if descriptors or memory were lacking when the snapshot was taken:
// what does not fit then is no fact about the machine.
func lack(snap *ns.Snapshot) error {
	for _, g := range snap.Gaps {
		if kernel.IsLack(g.Err) {
			return fmt.Errorf("read %s: %w", g.Path, g.Err)
		}
	}
	return nil
}

// fixed returns the namespace that a reference points at by what it is, not by what
// somebody calls it.
func (r Ref) fixed(snap *ns.Snapshot, k record.Key, direct bool) []fit {
	var n *ns.Namespace
	how := r.text
	switch {
	case direct:
		n = snap.Find(k.Inode)
		if n == nil && r.kind != refLink {
			// It was there a moment ago and no source of ours sees its holder.
			n = &ns.Namespace{Type: k.Type, Inode: k.Inode, OwnerUID: -1, Initial: snap.Initial[k.Type] == k.Inode}
		}
		how = fmt.Sprintf("%s by its number", ns.FormatLink(k.Type, k.Inode))
		if r.kind == refSelf || r.kind == refHost {
			how = fmt.Sprintf("%s, which %s means", ns.FormatLink(k.Type, k.Inode), r.text)
		}
	case r.kind == refInode:
		n, how = snap.Find(r.inode), r.text+" by its inode"
	case r.kind == refCookie:
		if i := slices.IndexFunc(snap.Namespaces, func(n ns.Namespace) bool { return n.Cookie == r.cookie }); i >= 0 {
			n = &snap.Namespaces[i]
		}
	}
	if n == nil {
		return nil
	}
	return []fit{{n: n, how: how, authority: ns.KernelAuthority}}
}

// named returns the namespaces that somebody has given the name.
func (r Ref) named(h machine, snap *ns.Snapshot) []fit {
	var fits []fit
	for i := range snap.Namespaces {
		n := &snap.Namespaces[i]
		for _, name := range n.Names {
			if name.Name == r.name {
				fits = append(fits, fit{n, fmt.Sprintf("%s at %s", n, quoted(name.Path)), name.Authority, reusedBy(h, n, &name)})
			}
		}
	}
	return fits
}

// onlyUsers returns an error for a reference that fits by users' words alone.
func (r Ref) onlyUsers(users []fit) error {
	var forms []string
	for _, f := range users {
		form := ns.FormatLink(f.n.Type, f.n.Inode)
		switch {
		case f.authority.UID <= 0:
		case strings.HasPrefix(r.text, "unit:"):
			form = fmt.Sprintf("unit:%d/%s", f.authority.UID, strings.TrimPrefix(r.text, "unit:"))
		default:
			form = f.authority.Qualify(r.name)
		}
		if form = quoted(form); !slices.Contains(forms, form) {
			forms = append(forms, form)
		}
	}
	const most = 6
	if more := len(forms) - most; more > 0 {
		forms = append(forms[:most], fmt.Sprintf("%d more", more))
	}
	return fmt.Errorf("%s is known by the word of a user alone, who may call anything so: use %s", quoted(r.text), strings.Join(forms, ", "))
}

func (r Ref) ambiguous(n int, how []string) error {
	const most = 6
	if more := len(how) - most; more > 0 {
		how = append(how[:most], fmt.Sprintf("%d more", more))
	}
	return fmt.Errorf("%s fits %d namespaces: %s: use a path, pid:N or net:[INODE]", quoted(r.text), n, strings.Join(how, ", "))
}
