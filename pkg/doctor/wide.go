// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"slices"

	"github.com/nsinspect/nsinspect/internal/explain"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// covers reports whether the namespaces of a type are checked, beside those of the network.
func (o *Options) covers(t ns.Type) bool { return t == ns.Net || slices.Contains(o.Types, t) }

// wide returns an inspection of the namespaces of all types at the same machine, nil if they
// cannot be scanned; a check that needs it has no result then. The scan is made when the
// first check asks for it.
func (x *inspection) wide(check string) *inspection {
	if x.all == nil && x.notAll == "" {
		x.all, x.notAll = x.widen()
	}
	if x.all == nil {
		x.unseen[check] = x.notAll
	}
	return x.all
}

func (x *inspection) widen() (*inspection, string) {
	if x.opts.ScanAll == nil {
		return nil, explain.WhyNetOnly
	}
	snap, err := x.opts.ScanAll(x.ctx)
	if err != nil {
		return nil, err.Error()
	}
	w := &inspection{
		ctx: x.ctx, opts: x.opts, host: x.host, snap: snap, again: x.again, whole: x.whole, brief: x.brief,
		processes: map[ns.TaskID]*ns.Process{}, unseen: map[string]string{},
	}
	if x.whole || x.brief {
		w.index = x.owners() // everything of the machine, whatever the types
	}
	return w, ""
}

// homesOf returns the namespace of a type of each process that is in one.
func (x *inspection) homesOf(t ns.Type) map[ns.TaskID]uint64 {
	homes := map[ns.TaskID]uint64{}
	for i := range x.snap.Namespaces {
		n := &x.snap.Namespaces[i]
		for j := range n.Holders {
			if h := &n.Holders[j]; n.Type == t && h.Kind == ns.KindProcess && h.Via == ns.NoVia {
				homes[h.PID] = n.Inode
			}
		}
	}
	return homes
}
