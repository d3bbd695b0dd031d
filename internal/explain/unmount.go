// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/nsinspect/nsinspect/internal/text"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// unmount yields the steps that take away the mounts of a namespace: in our own mount
// namespace first, then in others. With whole, the container that the namespace was made
// for is stopped before. It reports false if yield did.
func (a *Adviser) unmount(n *ns.Namespace, whole bool, yield func(Fix) bool) bool {
	lazy := n.Count(ns.KindFD) > 0 // its process may take a moment to end
	others := 0
	for i := range n.Holders {
		h := &n.Holders[i]
		switch {
		case h.Kind != ns.KindMount || h.Copy:
		case a.elsewhere(h):
			others++
		case whole && a.Owners != nil && a.removedWith(n, h):
		case !yield(a.unmountHere(h, n.Type, n.Inode, lazy)):
			return false
		}
	}
	return others == 0 || a.unmountOthers(n, others, once(yield))
}

// removedWith reports whether a mount goes with the container that the namespace was made
// for.
func (a *Adviser) removedWith(n *ns.Namespace, h *ns.Holder) bool {
	o := a.Owners().Namespace(n)
	return o != nil && o.Authority.Trusted && a.removes(o, n, h)
}

// unmountHere returns the step that takes away a mount in our own mount namespace.
func (a *Adviser) unmountHere(h *ns.Holder, t ns.Type, inode uint64, lazy bool) Fix {
	f := Fix{verb: "unmount", object: text.Name(h.Path), noun: ns.KindMount.Plural(2)}
	switch {
	case h.Path == "":
		f.object = fmt.Sprintf("mount %d, which no path leads to", h.MountID)
		return f
	case h.Covered:
		f.object += " below the mount that covers it"
		return f
	case !h.Authority.Trusted:
		f.object += ", after a look at where that leads: " + controls(h.Authority, "the path")
		return f
	case !a.leads(h.Path, t, inode):
		f.object += ", which leads elsewhere from here"
		return f
	}
	dir, base := path.Split(h.Path)
	switch named := slices.Contains(a.Snapshot.NamesDirs, path.Clean(dir)); {
	case dir == "/run/netns/" && t == ns.Net && !strings.HasPrefix(base, "-") && !a.stacked(h):
		// ip removes the file as well, which takes every mount on it away.
		f.Command = command("ip netns del %s", base)
	case named && !a.stacked(h):
		f.Command = command("umount "+flag(lazy)+"-- %[1]s && rm -- %[1]s", h.Path)
	default:
		f.Command = command("umount "+flag(lazy)+"-- %s", h.Path)
	}
	if f.Command != "" && dir == "/run/netns/" {
		return run(f.Command, f.noun)
	}
	return f
}

func flag(lazy bool) string {
	if lazy {
		return "-l "
	}
	return ""
}

// mountPoint is where something is mounted.
type mountPoint struct {
	mountNS uint64
	path    string
}

// stacked reports whether there is a namespace mount below one.
func (a *Adviser) stacked(top *ns.Holder) bool {
	if a.covered == nil {
		a.covered = coveredIn(a.Snapshot)
	}
	return a.covered[mountPoint{top.MountNS, top.Path}]
}

// coveredIn returns where mounts of namespaces lie below others.
func coveredIn(s *ns.Snapshot) map[mountPoint]bool {
	covered := map[mountPoint]bool{}
	for i := range s.Namespaces {
		for j := range s.Namespaces[i].Holders {
			if h := &s.Namespaces[i].Holders[j]; h.Kind == ns.KindMount && h.Covered && !h.Copy {
				covered[mountPoint{h.MountNS, h.Path}] = true
			}
		}
	}
	return covered
}
