// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"context"
	"fmt"
	"strconv"
)

// Alias is what a reference stands for that this package knows nothing of: the
// name of a container, of a pod, of a unit.
type Alias struct {
	Net     uint64 // the inode of its network namespace; 0 if only a process is known
	PID     int    // a process in it, whose namespace is meant where another type is asked for; 0 if none is known
	How     string // what it is, for messages: "docker:web (27d0a9f1c2b3)"
	Partial bool   // the reference is only the beginning of an ID: it stands back where another fits whole
}

// Aliases finds what a reference stands for in a snapshot, nothing if it is none
// that it knows; found says that it fits something here already. An error says why
// what it knows has no namespace.
type Aliases func(ctx context.Context, s *Snapshot, ref string, found bool) ([]Alias, error)

// mayBeAlias reports whether a reference can be one. Of a number, which is an
// inode or a PID, only what others print as an ID can, twelve digits or more.
func (r Ref) mayBeAlias() bool { return r.kind == refName || r.kind == refOwner || r.bare }

// fit is a namespace that a reference fits, and by what.
type fit struct {
	n   *Namespace
	how string
}

// findAliases returns the namespaces of type t that a reference stands for to
// others.
func (r Ref) findAliases(ctx context.Context, opts Options, t Type, snap *Snapshot, whole bool) ([]fit, error) {
	if opts.Aliases == nil || !r.mayBeAlias() {
		return nil, nil
	}
	aliases, err := opts.Aliases(ctx, snap, r.text, whole)
	if err != nil {
		return nil, err
	}
	var fits []fit
	for _, a := range aliases {
		if a.Partial && (whole || r.bare && len(r.text) < 12) {
			continue
		}
		inode := a.Net
		if inode == 0 || t != Net {
			if a.PID == 0 {
				continue // where another type is asked for and none of its processes is known
			}
			_, inode, err = opts.Host.namespaceAt("/proc/" + strconv.Itoa(a.PID) + "/ns/" + t.String())
			if err != nil {
				return nil, fmt.Errorf("read the namespace of %s: %w", a.How, Ref{pid: a.PID}.explainTask(opts.Host, err))
			}
		}
		n := snap.Find(inode)
		if n == nil {
			n = &Namespace{Type: t, Inode: inode, OwnerUID: -1} // made since the snapshot
		}
		fits = append(fits, fit{n, fmt.Sprintf("%s of %s", n, a.How)})
	}
	return fits, nil
}
