// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"fmt"
	"iter"
	"strings"

	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
)

// AboutDeadContainer is what the check finds.
const AboutDeadContainer = "a namespace outlives its container"

// DeadContainer writes about the namespace of a container without processes. c is what its
// runtime has written down of it, nil if nothing any more.
func (a *Adviser) DeadContainer(n *ns.Namespace, o *owner.Owner, c *owner.Container) (t Text) {
	t.Summary = "no process is in it: the network of " + o.Describe() + " has outlived it"
	t.See("held by " + strings.Join(n.Tally(), ", "))
	if c == nil {
		t.See("its runtime has no such container any more")
	} else {
		t.See(containerState(c))
		if len(c.IPs) > 0 {
			t.See("it was given " + strings.Join(few(c.IPs, 3), ", "))
		}
	}
	t.Meaning = "The runtime was to take it away and did not: it was killed, or failed in it. Addresses and interfaces stay taken."
	cmd := clean(o)
	if cmd == "" {
		t.fixAll(a.Free(n))
		return t
	}
	t.fixAll(func(yield func(Fix) bool) {
		if yield(run(cmd)) {
			a.beside(n)(yield)
		}
	})
	return t
}

// beside returns the steps for all that holds a namespace but mounts here, which its
// runtime takes away with their files.
func (a *Adviser) beside(n *ns.Namespace) iter.Seq[Fix] {
	rest := *n
	rest.Holders = nil
	for _, h := range n.Holders {
		if h.Kind != ns.KindMount || a.elsewhere(&h) && h.Along != ns.AlongFile {
			rest.Holders = append(rest.Holders, h)
		}
	}
	return a.Free(&rest)
}

func containerState(c *owner.Container) string {
	switch {
	case c.State == "":
		return "its runtime's files do not have its state"
	case c.State == "running" && c.PID != 0:
		return fmt.Sprintf("by its runtime's files it runs, as pid %d, which is not in it", c.PID)
	}
	return "by its runtime's files it is " + c.State
}
