// SPDX-License-Identifier: Apache-2.0

package render

import (
	"github.com/nsinspect/nsinspect/internal/filter"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
)

// names returns the names as texts.
func (r *listRow) names(of func(*ns.Name) string) filter.Value {
	all := make([]string, 0, len(r.Names))
	for i := range r.Names {
		all = append(all, of(&r.Names[i]))
	}
	return filter.Texts(all...)
}

// kinds returns what keeps it alive, as the names of the kinds.
func (r *listRow) kinds() filter.Value {
	var all []string
	for k, count := range r.Counts() {
		if count > 0 {
			all = append(all, ns.Kind(k).String())
		}
	}
	return filter.Texts(all...)
}

func (r *listRow) references() ns.References {
	if r.References == nil {
		return ns.References{}
	}
	return *r.References
}

// links returns texts of all the links.
func (r *listRow) links(of func(*ns.Link) []string) filter.Value {
	var all []string
	for i := range r.Links {
		all = append(all, of(&r.Links[i])...)
	}
	return filter.Texts(all...)
}

func addresses(n *ns.Namespace) []string {
	var all []string
	for i := range n.Links {
		for _, a := range n.Links[i].Addrs {
			all = append(all, a.String())
		}
	}
	return all
}

// ownerParts are the parts of an owner, as JSON has them.
var ownerParts = []struct {
	name string
	of   func(*owner.Owner) string
}{
	{"runtime", func(o *owner.Owner) string { return o.Runtime }},
	{"id", func(o *owner.Owner) string { return o.ID }},
	{"name", func(o *owner.Owner) string { return o.Name }},
	{"pod", func(o *owner.Owner) string { return o.Pod }},
	{"unit", func(o *owner.Owner) string { return o.Unit }},
	{"service", func(o *owner.Owner) string { return o.Service }},
}

// ownerValue returns an owner as it is printed and, unless it is only a user's word, by
// each of its parts too.
func ownerValue(o *owner.Owner) filter.Value {
	if o == nil {
		return filter.Value{}
	}
	all := []string{o.String()}
	if o.Authority.Trusted {
		for _, part := range ownerParts {
			all = append(all, part.of(o))
		}
	}
	return filter.Texts(all...)
}
