// SPDX-License-Identifier: Apache-2.0

package resolve

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/nsfs"
	"github.com/nsinspect/nsinspect/internal/opener"
	"github.com/nsinspect/nsinspect/internal/record"
	"github.com/nsinspect/nsinspect/internal/text"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/scan"
)

// Open opens what a path, a PID, self or a name leads to, for reading and closed on exec,
// and returns what it is and which names it has, without the scan that would find
// what holds it. n is nil, without an error, for a reference that only a scan can
// follow, as an inode, and for a name that is not in a names directory or may
// stand for something else as well. dirs are names directories beside the
// customary ones.
//
// An open file keeps its namespace alive, and so no other gets its inode. What names and
// paths lead to is therefore compared with it while it is open: a name that leads
// elsewhere by then is an error.
func Open(ctx context.Context, h *host.Host, dirs []string, known Aliases, r Ref) (n *ns.Namespace, fd int, err error) {
	look := func(k record.Key, direct bool) (*ns.Namespace, error) {
		return r.lookUpNames(ctx, h, dirs, known, k, direct)
	}
	switch r.kind {
	case refPath, refPID, refSelf:
		n, fd, err = r.openDirect(h, look)
	case refName:
		n, fd, err = r.openName(h, look)
	default:
		return nil, -1, nil
	}
	if err == nil && n != nil {
		o := opener.New(h, false)
		defer o.Close()
		o.Identify(n, fd)
	}
	return n, fd, err
}

var (
	errReplaced = errors.New("it has been replaced meanwhile")

	// errElsewhere is for a reference that may stand for something that only a scan finds.
	errElsewhere = errors.New("it may be something else as well")
)

// lookUpNames finds a reference among the names. n is nil, without an error, if none fits.
func (r Ref) lookUpNames(ctx context.Context, h *host.Host, dirs []string, known Aliases, k record.Key, direct bool) (n *ns.Namespace, err error) {
	snap, err := scan.Scan(ctx, scan.Options{Host: h, NamesDirs: dirs, Sources: []string{"name"}})
	if err != nil {
		return nil, err
	}
	if known != nil && r.mayBeName() {
		if aliases, err := known.Aliases(ctx, snap, r.text, true); err != nil || len(aliases) > 0 {
			return nil, errElsewhere // the scan finds the same, and returns the error
		}
	}
	return r.find(ctx, h, nil, ns.Net, snap, k, direct)
}

// openDirect opens the file that a path, a PID or self stands for.
func (r Ref) openDirect(h *host.Host, look func(record.Key, bool) (*ns.Namespace, error)) (*ns.Namespace, int, error) {
	file := r.file(h, ns.Net)
	var fd int
	var k record.Key
	err := r.covered(h)
	if err == nil {
		if k, fd, err = openFile(h, file); err != nil {
			err = r.explain(h, file, err)
		}
	}
	if err != nil {
		if r.bare { // it may be a name as well
			err = nil
		}
		return nil, -1, err
	}
	n, err := look(k, true)
	if err != nil {
		unix.Close(fd)
		if errors.Is(err, errElsewhere) {
			err = nil
		}
		return nil, -1, err
	}
	if n == nil {
		n = &ns.Namespace{Type: k.Type, Inode: k.Inode, OwnerUID: -1}
	}
	return n, fd, nil
}

// openFile opens the namespace that the file at a path is of.
func openFile(h *host.Host, file string) (k record.Key, fd int, err error) {
	if fd, err = h.OpenNamespace(file); err != nil {
		return k, -1, err
	}
	if k.Type, k.Inode, err = nsfs.Read(fd); err != nil {
		unix.Close(fd)
		return k, -1, err
	}
	return k, fd, nil
}

// openName opens what has a name, and looks the name up again when that is open.
func (r Ref) openName(h *host.Host, look func(record.Key, bool) (*ns.Namespace, error)) (*ns.Namespace, int, error) {
	n, err := look(record.Key{}, false)
	if errors.Is(err, errElsewhere) || err == nil && n == nil {
		return nil, -1, nil
	}
	if err != nil {
		return nil, -1, err
	}
	o := opener.New(h, false)
	defer o.Close()
	fd, err := o.OpenAt(n, r.pathOf(n))
	if err != nil {
		return n, -1, fmt.Errorf("open %s: %w", text.Title(n), err)
	}
	again, err := look(record.Key{}, false)
	if err == nil && (again == nil || again.Type != n.Type || again.Inode != n.Inode || r.pathOf(again) != r.pathOf(n)) {
		err = errReplaced
	}
	if err != nil {
		unix.Close(fd)
		return n, -1, fmt.Errorf("open %s: %w", text.Title(n), err)
	}
	return again, fd, nil
}

// pathOf returns the path at which a namespace has the name that is the reference, "" if
// nowhere.
func (r Ref) pathOf(n *ns.Namespace) string {
	i := slices.IndexFunc(n.Names, func(name ns.Name) bool { return name.Name == r.name && r.believes(name.Authority) })
	if i < 0 {
		return ""
	}
	return n.Names[i].Path
}
