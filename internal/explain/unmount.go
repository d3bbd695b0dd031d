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
	files := a.awaited(n)
	for _, named := range []bool{false, true} { // a file is removed once nothing else is mounted on it here
		for i := range n.Holders {
			h := &n.Holders[i]
			if h.Kind != ns.KindMount || a.elsewhere(h) || a.isNamed(h) != named || h.Along == ns.AlongOver || h.Along == ns.AlongPeer {
				continue
			}
			if whole && a.Owners != nil && a.removedWith(n, h) {
				files.unmounted(h, true)
				continue
			}
			f := a.unmountHere(h, n.Type, n.Inode, lazy)
			if files.unmounted(h, f.removes); !yield(f) {
				return false
			}
		}
	}
	return a.unmountOthers(n, files, once(yield))
}

// isNamed reports whether a mount in our own mount namespace is in a names directory.
func (a *Adviser) isNamed(h *ns.Holder) bool {
	return h.Path != "" && slices.Contains(a.Snapshot.NamesDirs, path.Dir(h.Path))
}

// files has, by their last element, the files that mounts in other mount namespaces go away with:
// whether all of that name are removed with the mounts in our own.
type files map[string]removal

type removal int8

const (
	awaited removal = iota
	removed
	kept
)

// awaited returns the files that mounts of a namespace go away with.
func (a *Adviser) awaited(n *ns.Namespace) files {
	all := files{}
	for i := range n.Holders {
		if h := &n.Holders[i]; h.Kind == ns.KindMount && h.Along == ns.AlongFile {
			all[path.Base(h.Path)] = awaited
		}
	}
	return all
}

// unmounted notes that a mount in our own mount namespace is taken away, and whether its file is.
func (f files) unmounted(h *ns.Holder, file bool) {
	switch state, is := f[path.Base(h.Path)]; {
	case !is || state == kept || !file && h.Along == ns.AlongFile:
	case file:
		f[path.Base(h.Path)] = removed
	default:
		f[path.Base(h.Path)] = kept
	}
}

// take reports whether a mount in another mount namespace is gone when those in our own are.
func (f files) take(h *ns.Holder) bool {
	return h.Along == ns.AlongOver || h.Along == ns.AlongPeer || h.Along == ns.AlongFile && f[path.Base(h.Path)] == removed
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
		f.removes = f.Command != ""
	case named && !a.stacked(h):
		f.Command = command("umount "+flag(lazy)+"-- %[1]s && rm -- %[1]s", h.Path)
		f.removes = f.Command != ""
	default:
		f.Command = command("umount "+flag(lazy)+"-- %s", h.Path)
	}
	if f.Command != "" && dir == "/run/netns/" {
		f.verb, f.object = "run", "`"+f.Command+"`"
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
			if h := &s.Namespaces[i].Holders[j]; h.Kind == ns.KindMount && h.Covered && h.Along != ns.AlongOver {
				covered[mountPoint{h.MountNS, h.Path}] = true
			}
		}
	}
	return covered
}
