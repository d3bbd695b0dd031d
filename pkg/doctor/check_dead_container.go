// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"slices"

	"github.com/nsinspect/nsinspect/internal/explain"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
)

// findDeadContainer finds namespaces of containers that have no process any more.
func findDeadContainer(x *inspection) (all []Finding) {
	for _, n := range x.inState(named) {
		o := x.container(n)
		if o == nil {
			continue
		}
		x.describe(n)
		if x.state(n) != named {
			continue // it has lost what held it
		}
		f := x.about(n)
		f.Owner, f.Path = o, mountedAt(x, n)
		f.Text = explain.Text{} // what was seen of the owner is written there too
		x.write(&f, func(a *explain.Adviser) explain.Text { return a.DeadContainer(n, o, x.written(n, o)) })
		x.addAge(&f)
		x.addLinks(&f)
		x.uncertain(&f, "process", "thread")
		all = append(all, f)
	}
	return all
}

// container returns the container or pod that a namespace was made for, nil if for
// none that is known.
func (x *inspection) container(n *ns.Namespace) *owner.Owner {
	o := x.owners().Namespace(n)
	if o == nil || o.Runtime == "systemd" || o.Runtime == "neutron" {
		return nil
	}
	return o
}

// written returns what a runtime has written down of a namespace's container, nil
// if it has forgotten it.
func (x *inspection) written(n *ns.Namespace, o *owner.Owner) *owner.Container {
	all := x.owners().Containers()
	i := slices.IndexFunc(all, func(c owner.Container) bool {
		return c.NetNS == n.Inode || c.ID != "" && c.ID == o.ID && c.Runtime == o.Runtime
	})
	if i < 0 {
		return nil
	}
	return &all[i]
}
