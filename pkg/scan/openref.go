// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"context"
	"fmt"
	"slices"
)

// OpenRef opens what a path, a PID, self or a name leads to, as Open does it, and
// says what it is and by which names it goes, without the scan that would find
// what holds it. n is nil, without an error, for a reference that only a scan can
// follow, as an inode, and for a name that is not in a names directory or may
// stand for something else as well. Of opts it heeds NamesDirs and Aliases.
func (o *Opener) OpenRef(ctx context.Context, opts Options, r Ref) (n *Namespace, fd int, err error) {
	var file string
	switch r.kind {
	case refPath, refPID, refSelf:
		file = r.file(o.host, Net)
	case refName:
	default:
		return nil, -1, nil
	}
	snap, err := Scan(ctx, Options{Host: o.host, NamesDirs: opts.NamesDirs, Sources: []string{"name"}})
	if err != nil {
		return nil, -1, err
	}
	if opts.Aliases != nil && (r.kind == refName || r.bare) {
		if aliases, err := opts.Aliases(ctx, snap, r.text, true); err != nil || len(aliases) > 0 {
			return nil, -1, nil
		}
	}
	k := key{}
	if r.kind != refName {
		if k, _, err = r.open(o.host, file); err != nil {
			if r.bare { // it may be a name as well
				err = nil
			}
			return nil, -1, err
		}
	}
	n, err = r.find(ctx, Options{}, Net, snap, k, r.kind != refName)
	switch {
	case err != nil || n == nil && r.kind == refName:
		return nil, -1, err
	case n == nil:
		n = &Namespace{Type: k.Type, Inode: k.inode, OwnerUID: -1}
	}
	if r.kind == refName {
		file = n.Names[slices.IndexFunc(n.Names, func(name Name) bool { return name.Name == r.text })].Path
	}
	if fd, err = o.openAt(n, file); err != nil {
		return n, -1, fmt.Errorf("open %s: %w", n.Title(), err)
	}
	defer o.guest.End()
	o.read(n, fd)
	return n, fd, nil
}
