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
			return &Owner{Runtime: m.runtime, Name: n.Name}
		}
	}
	dir := path.Dir(n.Path)
	if n.Kind == ns.NameMount && (dir == "/run/docker/netns" || dir == "/run/snap.docker/netns") {
		return &Owner{Runtime: "docker"} // a sandbox whose container is gone, or one of swarm's own
	}
	return nil
}

// findSandboxes finds the namespaces at the paths that were made for
// containers: as the snapshot has seen it, or by a look now. Paths that a user has
// written down are not followed.
func (x *Index) findSandboxes() {
	at := map[string]uint64{}
	if x.snapshot != nil {
		at = namespacePaths(x.snapshot)
	}
	for _, c := range x.known.containers {
		c.NetNS = 0
		if c.Sandbox == "" {
			continue
		}
		name := withoutVar(path.Clean(c.Sandbox))
		inode := at[name]
		switch {
		case c.uid > 0 && !strings.HasPrefix(name, "/run/user/"+strconv.Itoa(c.uid)+"/"):
			continue
		case inode == 0 && c.uid == 0 && absolute(name):
			if t, there, err := x.host.LookupNamespace(c.Sandbox); err == nil && t == ns.Net {
				inode = there
			}
		}
		if c.NetNS = inode; inode == 0 {
			continue
		}
		if other := x.known.bySandbox[inode]; other == nil || other.State != "running" && c.State == "running" {
			x.known.bySandbox[inode] = c
		}
	}
}

// namespacePaths returns what network namespace is at each path that one is at.
func namespacePaths(s *ns.Snapshot) map[string]uint64 {
	at := map[string]uint64{}
	for i := range s.Namespaces {
		n := &s.Namespaces[i]
		if n.Type != ns.Net {
			continue
		}
		for j := range n.Holders {
			if h := &n.Holders[j]; h.Kind == ns.KindMount && !h.Covered && h.MountNS == s.MountNS {
				at[withoutVar(h.Path)] = n.Inode
			}
		}
		for _, name := range n.Names {
			at[withoutVar(name.Path)] = n.Inode
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
