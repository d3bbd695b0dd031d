// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// NamedNamespace is a namespace of any type and one name that it goes by.
type NamedNamespace struct {
	Type   Type
	Inode  uint64
	Cookie uint64 // of a network namespace; 0 if unknown
	Name   Name
}

// NamesReader reads the names directories again and again, for who follows what
// happens: a tenth of what a scan costs, and nothing of what it finds beside
// names. It is for one caller at a time.
type NamesReader struct {
	s       namesScan
	initial [numTypes]uint64
	asked   map[string]chan namedDir // directories that are being read, by path
}

var errNoAnswer = fmt.Errorf("no answer within %s", namesDirPatience)

type namedDir struct {
	namesDir
	named []NamedNamespace
}

// NewNamesReader returns a reader of the customary names directories of a host
// and of others beside them. The host must stay open.
func NewNamesReader(h *Host, dirs []string) *NamesReader {
	return &NamesReader{s: namesScan{host: h, dirs: dirs, types: Types(), cookies: true}, initial: h.InitialNamespaces(), asked: map[string]chan namedDir{}}
}

// Initial returns the inode of the namespace of a type that the kernel started
// with, 0 if it is unknown.
func (r *NamesReader) Initial(t Type) uint64 { return r.initial[t] }

// Busy reports whether a directory that did not answer is still being read, so
// that the host is in use.
func (r *NamesReader) Busy() bool {
	for _, done := range r.asked {
		if len(done) == 0 {
			return true
		}
	}
	return false
}

// Read returns every name, sorted by path, and what could not be read. A
// directory that does not answer within two seconds is a gap, and is asked again
// only when it has answered. Reading a cookie needs Linux 6.18, or CAP_SYS_ADMIN.
func (r *NamesReader) Read(ctx context.Context) ([]NamedNamespace, []Gap) {
	ctx, cancel := context.WithTimeout(ctx, namesDirPatience)
	defer cancel()
	var asked []namesDirSpec
	var gaps []Gap
	specs, err := r.s.namesDirs()
	if err != nil {
		gaps = append(gaps, Gap{"name", "/run/user", err})
	}
	for _, spec := range specs {
		switch {
		case slices.ContainsFunc(asked, func(a namesDirSpec) bool { return a.path == spec.path }):
		case r.ask(spec):
			asked = append(asked, spec)
		default:
			gaps = append(gaps, Gap{"name", spec.path, errNoAnswer})
		}
	}
	var named []NamedNamespace
	seen := map[dirID]bool{}
	for _, spec := range asked {
		select {
		case d := <-r.asked[spec.path]:
			delete(r.asked, spec.path)
			gaps = append(gaps, d.gaps...)
			if d.id == (dirID{}) || !seen[d.id] {
				seen[d.id] = true
				named = append(named, d.named...)
			}
		case <-ctx.Done():
			gaps = append(gaps, Gap{"name", spec.path, errNoAnswer})
		}
	}
	slices.SortFunc(named, func(a, b NamedNamespace) int {
		return cmp.Or(strings.Compare(a.Name.Path, b.Name.Path), cmp.Compare(a.Inode, b.Inode))
	})
	return named, gaps
}

// ask has a directory read, and reports false if an earlier reading still hangs.
func (r *NamesReader) ask(spec namesDirSpec) bool {
	if done, pending := r.asked[spec.path]; pending && len(done) == 0 {
		return false
	}
	done := make(chan namedDir, 1) // a late directory must not wait for a reader
	r.asked[spec.path] = done
	go func() { done <- r.readDir(spec) }()
	return true
}

// readDir reads one directory, with the cookie of each network namespace in it.
func (r *NamesReader) readDir(spec namesDirSpec) namedDir {
	d := namedDir{namesDir: r.s.readNamesDir(spec)}
	var guest Visitor
	defer guest.End()
	for _, n := range d.names {
		named := NamedNamespace{Type: n.Type, Inode: n.inode, Cookie: n.cookie, Name: n.Name}
		if n.Type == Net && n.cookie == 0 {
			named.Cookie = r.cookie(&guest, &n)
		}
		d.named = append(d.named, named)
	}
	return d
}

// cookie returns the cookie of the namespace that a name leads to, 0 if it is
// unknown or the name leads to another one by now.
func (r *NamesReader) cookie(guest *Visitor, n *sightedName) uint64 {
	fd, err := r.s.host.openFollow(n.Path)
	if err != nil {
		return 0
	}
	defer unix.Close(fd)
	file, err := openNamespace(fd)
	if err != nil {
		return 0
	}
	defer unix.Close(file)
	if _, inode, err := readNamespace(file); err != nil || inode != n.inode {
		return 0
	}
	if id := namespaceID(file); id != 0 {
		return id
	}
	return guest.cookie(file)
}
