// SPDX-License-Identifier: Apache-2.0

package names

import (
	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/record"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

func init() { host.Serve("names", answer) }

// question is what a helper is asked: to read one directory.
type question struct {
	Root, Dir string
	Asked     bool
	Types     []ns.Type
	Mounted   map[string]record.Key
	Cookies   bool
}

// reply is a namesDir as it is passed on.
type reply struct {
	Dev, Ino uint64
	Path     string
	Names    []record.Name
	Dangling []ns.DanglingName
	Gaps     []gap
}

type gap struct {
	Path    string
	Failure host.Failure
}

// answer is what a helper does.
func answer(q question) (reply, error) {
	h, err := host.OpenUnguarded(q.Root)
	if err != nil {
		return reply{}, err
	}
	defer h.Close()
	s := Dirs{Host: h, Types: q.Types, Mounted: q.Mounted, Cookies: q.Cookies}
	d := s.readNamesDir(namesDirSpec{path: q.Dir, asked: q.Asked})
	r := reply{Dev: d.id.dev, Ino: d.id.ino, Path: d.path, Names: d.Names, Dangling: d.Dangling}
	for _, g := range d.Gaps {
		r.Gaps = append(r.Gaps, gap{g.Path, host.FailureOf(g.Err)})
	}
	return r, nil
}

// askDir has a helper read a directory on a file system that may not answer.
func (s *Dirs) askDir(spec namesDirSpec) (d namesDir) {
	root, dir, err := s.Host.Absolute(spec.path)
	var r reply
	if err == nil {
		q := question{Root: root, Dir: dir, Asked: spec.asked, Types: s.Types, Mounted: s.Mounted, Cookies: s.Cookies}
		r, err = host.Ask[question, reply](s.Host, "names", dir, q)
	}
	if err != nil {
		d.Gaps = append(d.Gaps, ns.Gap{Sources: []string{"name"}, Path: spec.path, Err: err})
		return d
	}
	d.id, d.path, d.Names, d.Dangling = dirID{r.Dev, r.Ino}, r.Path, r.Names, r.Dangling
	authority, err := s.Host.Authority(spec.path)
	if err != nil {
		s.unknown(&d, spec.path, err)
	}
	for i := range d.Names {
		d.Names[i].Authority = d.Names[i].Authority.And(authority)
	}
	for i := range d.Dangling {
		d.Dangling[i].Authority = d.Dangling[i].Authority.And(authority)
	}
	for _, g := range r.Gaps {
		d.Gaps = append(d.Gaps, ns.Gap{Sources: []string{"name"}, Path: g.Path, Err: g.Failure.Err()})
	}
	return d
}
