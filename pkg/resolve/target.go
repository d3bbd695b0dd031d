// SPDX-License-Identifier: Apache-2.0

package resolve

import (
	"cmp"
	"context"
	"slices"

	"github.com/nsinspect/nsinspect/internal/record"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// target is a reference, and what is known of where it points without a scan.
type target struct {
	Ref
	key    record.Key
	direct bool  // key has it
	err    error // why it points nowhere; of a number, unless it turns out to be a name
}

func newTarget(h machine, t ns.Type, r Ref) target {
	k, direct, err := r.locate(h, t)
	return target{r, k, direct, err}
}

// mayBe reports whether it may point somewhere.
func (t target) mayBe() bool { return t.err == nil || t.bare }

func (t target) isCookie() bool { return t.kind == refCookie }

// typesOf returns the types of the namespaces that may be pointed at, by what is known.
func typesOf(all []target, usual []ns.Type) []ns.Type {
	var types []ns.Type
	for _, t := range all {
		of := usual
		switch {
		case t.direct:
			of = []ns.Type{t.key.Type}
		case t.isCookie():
			of = []ns.Type{ns.Net} // only those have one, which not every engine reads
		}
		for _, typ := range of {
			if !slices.Contains(types, typ) {
				types = append(types, typ)
			}
		}
	}
	return types
}

// find finds the namespace in a snapshot. elsewhere is true if it may be of a type that the
// snapshot does not have.
func (t *target) find(ctx context.Context, h machine, known Aliases, first ns.Type, snap *ns.Snapshot) (n *ns.Namespace, elsewhere bool, err error) {
	if !t.mayBe() {
		return nil, false, t.err
	}
	if t.direct {
		first = t.key.Type
	}
	if n, err = t.Ref.find(ctx, h, known, first, snap, t.key, t.direct); n != nil || err != nil {
		return n, false, err
	}
	return nil, !t.direct && !t.isCookie(), cmp.Or(t.err, t.notFound(snap, known != nil))
}
