// SPDX-License-Identifier: Apache-2.0

package ns

// MountGroup is the mounts of one namespace at one path: a mount and its
// propagated copies, at most one of each mount namespace.
type MountGroup struct {
	Path   string
	Own    *Holder   // the one in our own mount namespace; nil if there is none
	Others []*Holder // those in other mount namespaces
}

// All returns the mounts of the group, our own first.
func (g *MountGroup) All() []*Holder {
	if g.Own == nil {
		return g.Others
	}
	return append([]*Holder{g.Own}, g.Others...)
}

// MountGroups returns the mounts that hold a namespace, grouped, in the order of
// their first. ownMountNS is the mount namespace of the snapshot's paths.
func (n *Namespace) MountGroups(ownMountNS uint64) []MountGroup {
	type place struct {
		path    string
		mountNS uint64
	}
	type layer struct {
		path string
		nth  int
	}
	var groups []MountGroup
	times := map[place]int{}
	index := map[layer]int{}
	for i := range n.Holders {
		h := &n.Holders[i]
		if h.Kind != KindMount {
			continue
		}
		at := place{h.Path, h.MountNS}
		k := layer{h.Path, times[at]}
		times[at]++
		j, ok := index[k]
		if !ok {
			j = len(groups)
			index[k] = j
			groups = append(groups, MountGroup{Path: h.Path})
		}
		if h.MountNS == ownMountNS && !h.Lone() {
			groups[j].Own = h
		} else {
			groups[j].Others = append(groups[j].Others, h)
		}
	}
	return groups
}
