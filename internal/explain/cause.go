// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"slices"

	"github.com/nsinspect/nsinspect/internal/procscan"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// cause is what is known of who has the references to a namespace that no holder
// explains. Verdicts and findings give the same one. A cause inside the kernel is supposed
// only where everything that a scan can see was seen.
type cause struct {
	hidden  bool   // a process that this scan cannot see may have them
	why     string // why it cannot
	missed  bool   // something else that was not read may have them
	closing int    // TCP connections of ended processes have them: so many
}

// causeOf returns the cause of a number of references, 0 if that is unknown.
func (a *Adviser) causeOf(n *ns.Namespace, refs int) (c cause) {
	for _, g := range a.Snapshot.Gaps {
		switch {
		case procscan.HidesProcesses(g):
			return cause{hidden: true, why: g.Err.Error()}
		case slices.ContainsFunc(g.Sources, holds):
			c.missed = true
		}
	}
	if c.missed = c.missed || len(a.Snapshot.Unread()) > 0; c.missed {
		return c
	}
	if open := a.connections(n); open > 0 && open >= refs {
		c.closing = open
	}
	return c
}

// connections returns how many TCP connections there are in a namespace in which no
// process has a socket, 0 if that is unknown. It enters the namespace.
func (a *Adviser) connections(n *ns.Namespace) int {
	if a.Connections == nil || n.Type != ns.Net || slices.ContainsFunc(n.Holders, hasSockets) {
		return 0
	}
	open, known := a.open[n.Inode]
	if known {
		return open
	}
	open, err := a.Connections(n)
	if err != nil {
		open = 0 // it may not be entered
	}
	if a.open == nil {
		a.open = map[uint64]int{}
	}
	a.open[n.Inode] = open
	return open
}

// hasSockets reports whether a holder is a socket, or a task that may have some.
func hasSockets(h ns.Holder) bool {
	return !h.Closing() && h.Kind != ns.KindKernel && h.Kind != ns.KindMount && h.Kind != ns.KindFD
}
