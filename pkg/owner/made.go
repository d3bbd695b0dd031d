// SPDX-License-Identifier: Apache-2.0

package owner

import (
	"fmt"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// made returns the owner of a process in a namespace as the namespace's owner. A user who
// made the namespace, in a user namespace of that user's, can have done so in any container
// or unit that has a process of that user's, as cron has jobs: that is then that user's word.
// The namespace is that of a process, where one is given, for which the kernel is asked if
// the snapshot does not show who made it.
func (x *Index) made(n *ns.Namespace, pid ns.TaskID, o *Owner) *Owner {
	if o == nil || !o.Authority.Trusted {
		return o
	}
	maker, known := ns.RootAuthority, n.OwnerUID >= 0
	switch {
	case x.rec != nil && n.OwnerUID > 0 && n.OwnerUID != x.rec.reader:
		maker = ns.UserAuthority(n.OwnerUID)
	case x.rec != nil:
	case known:
		maker = x.host.AuthorityOf(n.OwnerUID)
	case pid != 0 && !x.host.Recorded():
		if authority, ok := x.host.NamespaceAuthority(fmt.Sprintf("/proc/%d/ns/%s", pid, n.Type)); ok {
			maker = authority
		}
	}
	if maker.Trusted {
		return o
	}
	users := *o
	users.Authority = maker
	return &users
}

// ofLeader returns whose the oldest process in a namespace is, as the namespace's owner.
func (x *Index) ofLeader(n *ns.Namespace) *Owner {
	if n.Leader == nil {
		return nil
	}
	return x.made(n, n.Leader.PID, x.leader(n.Leader))
}
