// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
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
		f := x.about(n)
		f.Owner, f.Path = o, mountedAt(x, n)
		f.Summary = "no process is in it: the network of " + o.Describe() + " has outlived it"
		f.Evidence = []string{"held by " + join(n.Tally())}
		if c := x.written(n, o); c == nil {
			f.Evidence = append(f.Evidence, "its runtime has no such container any more")
		} else {
			f.Evidence = append(f.Evidence, containerState(c))
			if len(c.IPs) > 0 {
				f.Evidence = append(f.Evidence, "it was given "+join(few(c.IPs, 3)))
			}
		}
		f.Meaning = "The runtime was to take it away and did not: it was killed, or failed in it. Addresses and interfaces stay taken."
		f.Fix = []string{mendContainer(o, f.Path)}
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

func containerState(c *owner.Container) string {
	switch {
	case c.State == "":
		return "its runtime's files do not have its state"
	case c.State == "running" && c.PID != 0:
		return fmt.Sprintf("its runtime's files say that it runs, as pid %d, which is not in it", c.PID)
	}
	return "its runtime's files say: " + c.State
}

// mendContainer returns the command by which a runtime takes a dead container's
// network away, or the plain one.
func mendContainer(o *owner.Owner, name string) string {
	switch {
	case o.Runtime == "podman" && o.ID != "":
		// It may take a container for running whose conmon was killed, and then
		// refuses to clean up.
		return fmt.Sprintf("podman stop -t 0 %[1]s; podman container cleanup %[1]s", explain.ShellWord(o.ID))
	case o.Pod != "" && o.ID != "":
		return "crictl rmp " + explain.ShellWord(o.ID)
	}
	return unmount(name)
}
