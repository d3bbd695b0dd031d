// SPDX-License-Identifier: Apache-2.0

package resolve

import (
	"context"
	"fmt"
	"slices"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/opener"
	"github.com/nsinspect/nsinspect/internal/record"
	"github.com/nsinspect/nsinspect/internal/text"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/scan"
)

// Open opens what a path, a PID, self or a name leads to, as opener.Open does it,
// and returns what it is and which names it has, without the scan that would find
// what holds it. n is nil, without an error, for a reference that only a scan can
// follow, as an inode, and for a name that is not in a names directory or may
// stand for something else as well. dirs are names directories beside the
// customary ones.
func Open(ctx context.Context, h *host.Host, dirs []string, known Aliases, r Ref) (n *ns.Namespace, fd int, err error) {
	var file string
	switch r.kind {
	case refPath, refPID, refSelf:
		file = r.file(h, ns.Net)
	case refName:
	default:
		return nil, -1, nil
	}
	snap, err := scan.Scan(ctx, scan.Options{Host: h, NamesDirs: dirs, Sources: []string{"name"}})
	if err != nil {
		return nil, -1, err
	}
	if known != nil && (r.kind == refName || r.bare) {
		if aliases, err := known.Aliases(ctx, snap, r.text, true); err != nil || len(aliases) > 0 {
			return nil, -1, nil
		}
	}
	k := record.Key{}
	if r.kind != refName {
		if k, _, err = r.open(h, file); err != nil {
			if r.bare { // it may be a name as well
				err = nil
			}
			return nil, -1, err
		}
	}
	n, err = r.find(ctx, h, nil, ns.Net, snap, k, r.kind != refName)
	switch {
	case err != nil || n == nil && r.kind == refName:
		return nil, -1, err
	case n == nil:
		n = &ns.Namespace{Type: k.Type, Inode: k.Inode, OwnerUID: -1}
	}
	if r.kind == refName {
		file = n.Names[slices.IndexFunc(n.Names, func(name ns.Name) bool { return name.Name == r.text })].Path
	}
	o := opener.New(h, false)
	defer o.Close()
	if fd, err = o.OpenAt(n, file); err != nil {
		return n, -1, fmt.Errorf("open %s: %w", text.Title(n), err)
	}
	o.Identify(n, fd)
	return n, fd, nil
}
