// SPDX-License-Identifier: Apache-2.0

package owner

import (
	"path"
	"strconv"
	"strings"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// nameMakers are programs that put more into the names they make than a number.
var nameMakers = []struct{ prefix, runtime string }{
	{"qrouter-", "neutron"}, {"qdhcp-", "neutron"}, {"snat-", "neutron"}, {"fip-", "neutron"}, {"qlbaas-", "neutron"},
}

// named returns the owner that made a name, nil if the name does not show it.
func named(n ns.Name) *Owner {
	for _, m := range nameMakers {
		if strings.HasPrefix(n.Name, m.prefix) && path.Dir(n.Path) == "/run/netns" {
			return &Owner{Runtime: m.runtime, Name: n.Name, Authority: n.Authority}
		}
	}
	dir := path.Dir(n.Path)
	if n.Kind == ns.NameMount && (dir == "/run/docker/netns" || dir == "/run/snap.docker/netns") {
		return &Owner{Runtime: "docker", Authority: n.Authority} // a sandbox whose container is gone, or one of swarm's own
	}
	return nil
}

// findSandboxes finds the namespaces at the paths that were made for
// containers: as the snapshot has seen it, or by a look now. Paths that a user has
// written down are not followed, and lead to namespaces of that user's alone.
func (x *Index) findSandboxes() {
	at := map[string]namedNetNS{}
	if x.snapshot != nil {
		at = namespacePaths(x.snapshot)
	}
	for _, c := range x.known.containers {
		c.NetNS = 0
		if c.Sandbox == "" {
			continue
		}
		name := withoutVar(path.Clean(c.Sandbox))
		n := at[name].n
		switch {
		case n != nil && c.Authority.Trusted && !at[name].trusted:
		case !c.Authority.Trusted:
			if n != nil && x.isUsers(n, int(c.Authority.UID)) && strings.HasPrefix(name, "/run/user/"+strconv.FormatUint(uint64(c.Authority.UID), 10)+"/") {
				c.NetNS = n.Inode
			}
		case n != nil:
			c.NetNS = n.Inode
		case absolute(name):
			c.NetNS = x.trustedNetNS(c.Sandbox)
		}
		if c.NetNS == 0 {
			continue
		}
		if other := x.known.bySandbox[c.NetNS]; other == nil || c.outranks(other) {
			x.known.bySandbox[c.NetNS] = c
		}
	}
}

// isUsers reports whether a user owns a namespace. A recorded tree does not show that.
func (x *Index) isUsers(n *ns.Namespace, uid int) bool { return n.OwnerUID == uid || x.host.Recorded() }

// trustedNetNS returns the network namespace at a path that only root controls, 0 if
// there is none.
func (x *Index) trustedNetNS(name string) uint64 {
	if authority, err := x.host.Authority(name); err != nil || !authority.Trusted {
		return 0
	}
	t, inode, err := x.host.NamespaceAt(name)
	if err != nil || t != ns.Net {
		return 0
	}
	return inode
}

// outranks reports whether a namespace that two containers have is the first one's.
func (c *Container) outranks(other *Container) bool {
	if c.rank() != other.rank() {
		return c.rank() > other.rank()
	}
	return other.State != "running" && c.State == "running"
}

// namedNetNS is the network namespace at a path.
type namedNetNS struct {
	n       *ns.Namespace
	trusted bool // the path is a trusted word
}

// namespacePaths returns what network namespace is at each path that one is at.
func namespacePaths(s *ns.Snapshot) map[string]namedNetNS {
	at := map[string]namedNetNS{}
	for i := range s.Namespaces {
		n := &s.Namespaces[i]
		if n.Type != ns.Net {
			continue
		}
		for j := range n.Holders {
			if h := &n.Holders[j]; h.Kind == ns.KindMount && !h.Covered && h.MountNS == s.MountNS {
				at[withoutVar(h.Path)] = namedNetNS{n, h.Authority.Trusted}
			}
		}
		for _, name := range n.Names {
			at[withoutVar(name.Path)] = namedNetNS{n, name.Authority.Trusted}
		}
	}
	return at
}

// withoutVar takes /var/run for /run, which it is nearly everywhere.
func withoutVar(name string) string {
	if rest, ok := strings.CutPrefix(name, "/var/run/"); ok {
		return "/run/" + rest
	}
	return name
}
