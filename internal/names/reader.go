// SPDX-License-Identifier: Apache-2.0

package names

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/nsfs"
	"github.com/nsinspect/nsinspect/internal/record"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// Named is a namespace of any type and one name that it goes by.
type Named struct {
	Type   ns.Type
	Inode  uint64
	Cookie uint64 // of a network namespace; 0 if unknown
	Name   ns.Name
}

// Reader reads the names directories again and again, for a caller that follows what
// happens: a tenth of what a scan costs, and nothing of what it finds beside
// names. It is for one caller at a time.
type Reader struct {
	s       Dirs
	initial [ns.NumTypes]uint64
}

type namedDir struct {
	namesDir
	named []Named
}

// NewReader returns a reader of the customary names directories of a host
// and of others beside them.
func NewReader(h *host.Host, dirs []string) *Reader {
	return &Reader{s: Dirs{Host: h, Extra: dirs, Types: ns.Types(), Cookies: true}, initial: h.InitialNamespaces()}
}

// Initial returns the inode of the namespace of a type that the kernel started
// with, 0 if it is unknown.
func (r *Reader) Initial(t ns.Type) uint64 { return r.initial[t] }

// Read returns every name, sorted by path, and what could not be read. A
// directory that does not answer within two seconds is a gap, and is asked again
// only when it has answered. Reading a cookie needs Linux 6.18, or CAP_SYS_ADMIN.
func (r *Reader) Read(ctx context.Context) ([]Named, []ns.Gap) {
	var gaps []ns.Gap
	specs, err := r.s.namesDirs()
	if err != nil {
		gaps = append(gaps, ns.Gap{Sources: []string{"name"}, Path: "/run/user", Err: err})
	}
	var dirs []namesDirSpec
	for _, spec := range specs {
		if !slices.ContainsFunc(dirs, func(d namesDirSpec) bool { return d.path == spec.path }) {
			dirs = append(dirs, spec)
		}
	}
	read := make([]namedDir, len(dirs))
	r.s.each(ctx, dirs, func(i int) { read[i] = r.readDir(dirs[i]) })
	var named []Named
	seen := map[dirID]bool{}
	for _, d := range read {
		gaps = append(gaps, d.Gaps...)
		if d.id == (dirID{}) || !seen[d.id] {
			seen[d.id] = true
			named = append(named, d.named...)
		}
	}
	slices.SortFunc(named, func(a, b Named) int {
		return cmp.Or(strings.Compare(a.Name.Path, b.Name.Path), cmp.Compare(a.Inode, b.Inode))
	})
	return named, gaps
}

// readDir reads one directory, with the cookie of each network namespace in it.
func (r *Reader) readDir(spec namesDirSpec) namedDir {
	d := namedDir{namesDir: r.s.readNamesDir(spec)}
	var thread nsfs.Thread
	defer thread.Close()
	for _, n := range d.Names {
		named := Named{Type: n.Type, Inode: n.Inode, Cookie: n.Cookie, Name: n.Name}
		if n.Type == ns.Net && n.Cookie == 0 {
			named.Cookie = r.cookie(&thread, &n)
		}
		d.named = append(d.named, named)
	}
	return d
}

// cookie returns the cookie of the namespace that a name leads to, 0 if it is
// unknown or the name leads to another one by now.
func (r *Reader) cookie(thread *nsfs.Thread, n *record.Name) uint64 {
	fd, err := r.s.Host.Locate(n.Path)
	if err != nil {
		return 0
	}
	defer unix.Close(fd)
	file, err := nsfs.Reopen(fd)
	if err != nil {
		return 0
	}
	defer unix.Close(file)
	if _, inode, err := nsfs.Read(file); err != nil || inode != n.Inode {
		return 0
	}
	if id := nsfs.ID(file); id != 0 {
		return id
	}
	return thread.Cookie(file)
}
