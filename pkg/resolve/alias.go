// SPDX-License-Identifier: Apache-2.0

package resolve

import (
	"context"
	"fmt"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// Aliases knows references to what runs in namespaces: containers, pods, units.
type Aliases interface {
	// Aliases returns what a reference stands for in a snapshot, nothing if it is
	// none that is known; found is whether it fits something there already. An
	// error is why what is known has no namespace.
	Aliases(ctx context.Context, s *ns.Snapshot, ref string, found bool) ([]ns.Alias, error)
}

// mayBeAlias reports whether a reference can be one. Of a number, which is an
// inode or a PID, only what others print as an ID can, twelve digits or more.
func (r Ref) mayBeAlias() bool { return r.mayBeName() || r.kind == refOwner }

// mayBeName reports whether a reference can be a name: also where it is a word with a
// meaning of its own.
func (r Ref) mayBeName() bool {
	return r.kind == refName || r.kind == refSelf || r.kind == refHost || r.bare
}

// believes reports whether the reference accepts a word: one that is trusted
// or, where it names a user, that user's word.
func (r Ref) believes(a ns.Authority) bool {
	if r.uid != 0 {
		return a.Source == ns.OfUser && int(a.UID) == r.uid
	}
	return a.Trusted
}

// fit is a namespace that a reference fits, and by what.
type fit struct {
	n         *ns.Namespace
	how       string
	authority ns.Authority
	reused    error // see reusedBy
}

// findAliases returns the namespaces of type t that a reference stands for to
// others.
func (r Ref) findAliases(ctx context.Context, h machine, known Aliases, t ns.Type, snap *ns.Snapshot, whole bool) ([]fit, error) {
	if known == nil || !r.mayBeAlias() {
		return nil, nil
	}
	aliases, err := known.Aliases(ctx, snap, r.text, whole)
	if err != nil {
		return nil, err
	}
	var fits []fit
	for _, a := range aliases {
		if a.Partial && (whole || r.bare && len(r.text) < 12) {
			continue
		}
		inode := a.Net
		if inode == 0 || t != ns.Net {
			if a.PID == 0 {
				continue // where another type is asked for and none of its processes is known
			}
			_, inode, err = h.NamespaceAt("/proc/" + a.PID.String() + "/ns/" + t.String())
			if err != nil {
				return nil, fmt.Errorf("read the namespace of %s: %w", a.How, Ref{pid: a.PID}.explainTask(h, err))
			}
		}
		n := snap.Find(inode)
		if n == nil {
			n = &ns.Namespace{Type: t, Inode: inode, OwnerUID: -1} // made since the snapshot
		}
		fits = append(fits, fit{n: n, how: fmt.Sprintf("%s of %s", n, a.How), authority: a.Authority})
	}
	return fits, nil
}
