// SPDX-License-Identifier: Apache-2.0

package owner

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// prefixes are the runtimes that a reference may begin with, before a colon.
var prefixes = []string{"docker", "containerd", "cri-o", "podman", "lxc", "incus", "lxd", "nspawn", "machine", "cni", "kubernetes", "container"}

// MayBegin reports whether an Owner.Ref may begin with a text.
func MayBegin(text string) bool {
	return slices.ContainsFunc(append([]string{"pod", "unit", "neutron"}, prefixes...), func(p string) bool {
		return strings.HasPrefix(p+":", text) || strings.HasPrefix(text, p+":")
	})
}

// Find returns the containers that a reference fits: a name, an ID or the
// beginning of one, each also after "RUNTIME:", or "pod:NAMESPACE/NAME", which may
// go on with "/CONTAINER". Those that it fits whole come alone; else it is the
// beginning of an ID. What is only a user's word comes where nothing else fits, or after
// "user:UID/", and then that user's alone. Sorted as Containers.
func (x *Index) Find(ref string) []Container {
	ref, ours, users := split(ref, x.Containers(), func(c *Container) ns.Authority { return c.Authority })
	if found := findIn(ours, ref); len(found) > 0 {
		return found
	}
	return findIn(users, ref)
}

// split takes "user:UID/" off a reference, and returns what there is by a trusted word,
// and what is a user's: that user's alone where the reference names one.
func split[T any](ref string, all []T, authority func(*T) ns.Authority) (rest string, trusted, users []T) {
	uid, rest, qualified := ns.CutQualified(ref)
	if !qualified {
		rest = ref
	}
	for i := range all {
		switch a := authority(&all[i]); {
		case qualified && a.Source == ns.OfUser && int(a.UID) == uid:
			users = append(users, all[i])
		case qualified:
		case a.Trusted:
			trusted = append(trusted, all[i])
		default:
			users = append(users, all[i])
		}
	}
	return rest, trusted, users
}

func findIn(all []Container, ref string) []Container {
	if pod, ok := strings.CutPrefix(ref, "pod:"); ok {
		return slices.DeleteFunc(all, func(c Container) bool {
			return c.Pod == "" || c.Pod != pod && (c.Name == "" || c.Pod+"/"+c.Name != pod)
		})
	}
	if runtime, rest, ok := strings.Cut(ref, ":"); ok {
		if !slices.Contains(prefixes, runtime) {
			return nil
		}
		all = slices.DeleteFunc(all, func(c Container) bool { return c.Runtime != runtime && runtime != "container" })
		ref = rest
	}
	if ref == "" {
		return nil
	}
	whole := slices.DeleteFunc(slices.Clone(all), func(c Container) bool { return c.Name != ref && c.ID != ref })
	if len(whole) > 0 {
		return whole
	}
	return slices.DeleteFunc(all, func(c Container) bool { return !fitsID(c.ID, ref) })
}

// fitsID reports whether a text is the beginning of an ID, as runtimes make them.
func fitsID(id, text string) bool { return isID(id) && strings.HasPrefix(id, text) }

// Lazy reads the owners of a host when they are asked for.
type Lazy struct {
	Host *host.Host

	x *Index
}

// Known returns a Lazy that has read its owners.
func Known(x *Index) Lazy { return Lazy{x: x} }

// Index returns the owners as a snapshot shows them.
func (l *Lazy) Index(ctx context.Context, s *ns.Snapshot) *Index {
	if l.x != nil && l.x.rec != nil {
		return l.x
	}
	if l.x == nil || l.x.snapshot != s {
		l.x = Read(ctx, Options{Host: l.Host, Snapshot: s})
	}
	return l.x
}

// Aliases implements scan.Aliases.
// One that fits nothing is looked for again among the containers of daemons that
// are only found by looking at every process.
func (l *Lazy) Aliases(ctx context.Context, s *ns.Snapshot, ref string, found bool) ([]ns.Alias, error) {
	aliases, err := l.Index(ctx, s).Aliases(s, ref)
	if found || len(aliases) > 0 || err != nil || l.x.rec != nil {
		return aliases, err
	}
	l.x = Read(ctx, Options{Host: l.Host, Snapshot: s, All: true})
	return l.x.Aliases(s, ref)
}

// Aliases returns the namespaces that a reference to a container, pod or unit stands
// for: by a trusted word or, where that has nothing, or the reference begins with
// "user:UID/" or "unit:UID/", by a user's. The error for one without a namespace has
// what is known of it.
func (x *Index) Aliases(s *ns.Snapshot, ref string) ([]ns.Alias, error) {
	if unit, ok := strings.CutPrefix(ref, "unit:"); ok {
		return x.ofUnit(s, unit)
	}
	found := x.Find(ref)
	if len(found) == 0 {
		x.Prefetch(s) // which meets containers that nothing else leads to
		found = x.Find(ref)
	}
	var aliases []ns.Alias
	for i := range found {
		if a, ok := x.alias(s, &found[i]); ok {
			a.Partial = partial(&found[i], ref)
			aliases = append(aliases, a)
		}
	}
	if len(aliases) > 0 {
		return aliases, nil
	}
	shown := x.shown(s, ref)
	if len(found) == 0 || !found[0].Authority.Trusted && len(shown) > 0 && shown[0].Authority.Trusted {
		return shown, nil
	}
	c := &found[0]
	if _, _, qualified := ns.CutQualified(ref); !qualified && !c.Authority.Trusted {
		return nil, nil // without the user, the reference means no such container
	}
	state := c.State
	if state == "" || state == "running" {
		state = "known, but none of its processes is seen"
	}
	return nil, fmt.Errorf("%s has no namespace: it is %s (%s)", c.Owner, state, c.Dir)
}

// partial reports whether a reference is only the beginning of a container's ID.
func partial(c *Container, ref string) bool {
	if strings.HasPrefix(ref, "pod:") {
		return false
	}
	if _, rest, ok := ns.CutQualified(ref); ok {
		ref = rest
	}
	ref = ref[strings.LastIndexByte(ref, ':')+1:]
	return c.Name != ref && c.ID != ref
}

// alias returns the namespace of a container: the one that was made for it or,
// where none was or another type is asked for, that of its first process.
func (x *Index) alias(s *ns.Snapshot, c *Container) (ns.Alias, bool) {
	a := ns.Alias{Net: c.NetNS, PID: c.PID, How: c.String(), Authority: c.Authority}
	if c.ID != "" && !strings.HasSuffix(a.How, shortID(c.ID)) {
		a.How += " (" + shortID(c.ID) + ")"
	}
	if a.PID == 0 && (a.Net == 0 || !slices.Contains(s.Types, ns.Net)) {
		a.PID = x.anyProcess(s, c)
	}
	return a, a.PID != 0 || a.Net != 0
}

// anyProcess returns the oldest process in a namespace of the snapshot that is the
// container's, 0 if there is none.
func (x *Index) anyProcess(s *ns.Snapshot, c *Container) ns.TaskID {
	for i := range s.Namespaces {
		p := s.Namespaces[i].Leader
		if p == nil {
			continue
		}
		if o := x.made(&s.Namespaces[i], p.PID, x.Of(p.PID, p.Born)); o != nil && o.Runtime == c.Runtime && o.ID == c.ID && o.Authority == c.Authority && o.Guest == c.Guest && (c.ID != "" || o.Name == c.Name) {
			return p.PID
		}
	}
	return 0
}

// shown returns the namespaces that a reference is the owner of as a table shows
// it, though no more is known of that than what a cgroup or a name shows.
func (x *Index) shown(s *ns.Snapshot, ref string) []ns.Alias {
	type owned struct {
		n *ns.Namespace
		o *Owner
	}
	var all []owned
	for i := range s.Namespaces {
		n := &s.Namespaces[i]
		for _, o := range []*Owner{x.Namespace(n), x.ofLeader(n)} {
			if o != nil && !n.Initial {
				all = append(all, owned{n, o})
			}
		}
	}
	ref, trusted, users := split(ref, all, func(w *owned) ns.Authority { return w.o.Authority })
	aliases, seen := []ns.Alias(nil), map[*ns.Namespace]bool{}
	for _, those := range [][]owned{trusted, users} {
		for _, w := range those {
			whole, ok := w.o.fits(ref)
			if !ok || seen[w.n] {
				continue
			}
			seen[w.n] = true
			a := ns.Alias{How: w.o.String(), Partial: !whole, Authority: w.o.Authority}
			if w.n.Type == ns.Net {
				a.Net = w.n.Inode
			}
			if w.n.Leader != nil {
				a.PID = w.n.Leader.PID
			}
			aliases = append(aliases, a)
		}
		if len(aliases) > 0 {
			return aliases
		}
	}
	return nil
}

// fits reports whether a reference is an owner's, whole or by the beginning of its
// ID.
func (o *Owner) fits(ref string) (whole, ok bool) {
	if o.Ref() == ref && o.Name+o.ID+o.Pod != "" {
		return true, true
	}
	runtime, name, prefixed := strings.Cut(ref, ":")
	if !prefixed {
		runtime, name = o.Runtime, ref
	}
	if name == "" || runtime != o.Runtime {
		return false, false
	}
	whole = name == o.Name || name == o.ID
	return whole, whole || fitsID(o.ID, name)
}

// ofUnit returns the namespaces whose oldest process is of a systemd unit: of the
// system's, or of a user's where the reference is "unit:UID/NAME".
func (x *Index) ofUnit(s *ns.Snapshot, unit string) ([]ns.Alias, error) {
	number, name, qualified := strings.Cut(unit, "/")
	uid, err := strconv.Atoi(number)
	if qualified && err != nil {
		return nil, fmt.Errorf("no unit %s: a unit of a user's is unit:UID/NAME", unit)
	}
	if !qualified {
		name = unit
	}
	var aliases, users []ns.Alias
	for i := range s.Namespaces {
		n := &s.Namespaces[i]
		if n.Leader == nil || n.Initial {
			continue
		}
		o := x.Of(n.Leader.PID, n.Leader.Born)
		if o == nil || o.Unit != name {
			continue
		}
		o = x.made(n, n.Leader.PID, o)
		a := ns.Alias{PID: n.Leader.PID, How: fmt.Sprintf("pid %d of %s", n.Leader.PID, unit), Authority: o.Authority}
		switch {
		case o.Authority.Trusted && !qualified:
			aliases = append(aliases, a)
		case o.Authority.Source == ns.OfUser && (!qualified || int(o.Authority.UID) == uid):
			users = append(users, a)
		}
	}
	if len(aliases) > 0 {
		return aliases, nil
	}
	if len(users) == 0 {
		return nil, fmt.Errorf("no process of unit %s leads a namespace of its own", unit)
	}
	return users, nil
}
