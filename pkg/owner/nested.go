// SPDX-License-Identifier: Apache-2.0

package owner

import "cmp"

// around fills in what container is around each of the containers on the path of a cgroup, the
// innermost first. A runtime may give one container several directories.
func around(places []place) {
	for i := range places {
		for _, outer := range places[i+1:] {
			if key := outer.key(); key != "" && key != places[i].key() {
				places[i].outer = key
				break
			}
		}
	}
}

// key is what a container is known by in a cgroup, "" of a pod.
func (p *place) key() string { return cmp.Or(p.id, p.name) }

// nested reports whether a place is inside of a container that this program is not in. The
// machine's own runtimes do not know what is there: another one, which may have one of the
// same name.
func (x *Index) nested(p *place) bool {
	if p.outer == "" {
		return false
	}
	x.own.once.Do(func() {
		x.own.places = map[string]bool{}
		if !x.host.Live() {
			return
		}
		text, err := x.host.ReadCgroup("self")
		if err != nil {
			x.r.gap("/proc/self/cgroup", err)
		}
		for _, p := range parseCgroup(text).places {
			x.own.places[p.key()] = true
		}
	})
	return !x.own.places[p.outer]
}

// namesakes marks containers of one runtime that have the same name, as those of two daemons
// may have.
func (k *known) namesakes() {
	type name struct{ runtime, name string }
	first := map[name]*Container{}
	for _, c := range k.byID {
		if c.Name == "" || c.Pod != "" || c.Guest || !c.Authority.Trusted {
			continue
		}
		other := first[name{c.Runtime, c.Name}]
		if first[name{c.Runtime, c.Name}] = c; other != nil {
			c.Namesake, other.Namesake = true, true
		}
	}
}
