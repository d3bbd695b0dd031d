// SPDX-License-Identifier: Apache-2.0

package owner

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// prefixes are the runtimes that a reference may begin with, before a colon.
var prefixes = []string{"docker", "containerd", "cri-o", "podman", "lxc", "incus", "lxd", "nspawn", "machine", "cni", "kubernetes", "container"}

// Find returns the containers that a reference fits: a name, an ID or the
// beginning of one, each also after "RUNTIME:", or "pod:NAMESPACE/NAME", which may
// go on with "/CONTAINER". Those that it fits whole come alone; else it is the
// beginning of an ID. Sorted as Containers.
func (x *Index) Find(ref string) []Container {
	all := x.Containers()
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

// Index returns the owners as a snapshot shows them.
func (l *Lazy) Index(ctx context.Context, s *ns.Snapshot) *Index {
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
	if found || len(aliases) > 0 || err != nil {
		return aliases, err
	}
	l.x = Read(ctx, Options{Host: l.Host, Snapshot: s, All: true})
	return l.x.Aliases(s, ref)
}

// Aliases returns the namespaces that a reference to a container, pod or unit stands
// for. The error for one without a namespace has what is known of it.
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
	if len(found) == 0 {
		return x.shown(s, ref), nil
	}
	c := &found[0]
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
	ref = ref[strings.LastIndexByte(ref, ':')+1:]
	return c.Name != ref && c.ID != ref
}

// alias returns the namespace of a container: the one that was made for it or,
// where none was or another type is asked for, that of its first process.
func (x *Index) alias(s *ns.Snapshot, c *Container) (ns.Alias, bool) {
	a := ns.Alias{Net: c.NetNS, PID: c.PID, How: c.String()}
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
		if o := x.Process(p.PID); o != nil && o.Runtime == c.Runtime && o.ID == c.ID && (c.ID != "" || o.Name == c.Name) {
			return p.PID
		}
	}
	return 0
}

// shown returns the namespaces that a reference is the owner of as a table shows
// it, though no more is known of that than what a cgroup or a name shows.
func (x *Index) shown(s *ns.Snapshot, ref string) []ns.Alias {
	var aliases []ns.Alias
	for i := range s.Namespaces {
		n := &s.Namespaces[i]
		o := x.Namespace(n)
		if o == nil {
			continue
		}
		whole, ok := o.fits(ref)
		if leads := x.leader(n.Leader); !ok && leads != nil {
			whole, ok = leads.fits(ref)
		}
		if !ok {
			continue
		}
		a := ns.Alias{How: o.String(), Partial: !whole}
		if n.Type == ns.Net {
			a.Net = n.Inode
		}
		if n.Leader != nil {
			a.PID = n.Leader.PID
		}
		aliases = append(aliases, a)
	}
	return aliases
}

// fits reports whether a reference is an owner's, whole or by the beginning of its
// ID.
func (o *Owner) fits(ref string) (whole, ok bool) {
	if o.String() == ref && o.Name+o.ID+o.Pod != "" {
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

// ofUnit returns the namespaces whose oldest process is of a systemd unit.
func (x *Index) ofUnit(s *ns.Snapshot, unit string) ([]ns.Alias, error) {
	var aliases []ns.Alias
	for i := range s.Namespaces {
		n := &s.Namespaces[i]
		if n.Leader == nil || n.Initial {
			continue
		}
		if o := x.Process(n.Leader.PID); o != nil && o.Unit == unit {
			aliases = append(aliases, ns.Alias{PID: n.Leader.PID, How: fmt.Sprintf("pid %d of %s", n.Leader.PID, unit)})
		}
	}
	if len(aliases) == 0 {
		return nil, fmt.Errorf("no process of unit %s leads a namespace of its own", unit)
	}
	return aliases, nil
}
