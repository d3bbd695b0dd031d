// SPDX-License-Identifier: Apache-2.0

package mounts

import (
	"path"
	"slices"
	"strings"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// findOwners notes who owns each mount namespace with a namespace mounted in it: the
// user who made the user namespace that owns it can mount anything there.
func (s *Scan) findOwners(all []*Namespace) {
	unknown := map[uint64]bool{}
	for _, m := range all {
		if m == s.Own || !slices.ContainsFunc(m.mounts, isNSFS) {
			continue
		}
		if m.member.pid == 0 || m.denied != nil {
			unknown[m.Inode] = true
			continue
		}
		m.owner = s.controls(m.member)
	}
	if len(unknown) == 0 || s.host.Recorded() {
		return
	}
	owners, err := ownersOf(unknown)
	if err != nil {
		return // a gap: they could not be read
	}
	for _, m := range all {
		if uid, ok := owners[m.Inode]; ok && unknown[m.Inode] {
			m.owner = s.host.AuthorityOf(uid)
		}
	}
}

// controls returns who controls the mount namespace of a task.
func (s *Scan) controls(t task) ns.Authority {
	owner, ok := s.host.NamespaceAuthority(t.dir() + "/ns/mnt")
	if !ok {
		owner = s.host.ProcessAuthority(t.pid)
	}
	return owner
}

// authority returns who controls what is mounted at a path of a mount namespace. In our
// own only root mounts, and who controls the directory can move it.
func (s *Scan) authority(m *Namespace, mountPoint string) ns.Authority {
	if m != s.Own {
		return m.owner
	}
	dir := path.Dir(strings.TrimSuffix(mountPoint, "/"))
	if authority, ok := s.dirs[dir]; ok {
		return authority
	}
	authority, err := s.host.Authority(dir)
	if err != nil {
		authority = ns.UnknownAuthority // covered, or gone
	}
	s.dirs[dir] = authority
	return authority
}
