// SPDX-License-Identifier: Apache-2.0

package mounts

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"sort"
	"strings"

	"github.com/nsinspect/nsinspect/internal/record"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// notePins notes what holds mount namespaces: mounts of them, and what other
// sources saw.
func (s *Scan) notePins(all []*Namespace) {
	for _, m := range all {
		for _, mount := range m.mounts {
			if t, inode, ok := ns.ParseLink(mount.root); ok && t == ns.Mnt && mount.nsfs {
				s.pins[inode] = append(s.pins[inode], s.holder(m, mount))
			}
		}
	}
	s.seen.Records.Each(func(f *record.Record) {
		if f.Type == ns.Mnt && f.Kind != ns.KindProcess && f.Kind != ns.KindThread {
			s.pins[f.Inode] = append(s.pins[f.Inode], f.Holder())
		}
	})
	for _, pins := range s.pins {
		sort.Sort(ns.SortHolders(pins))
	}
}

// missed returns a gap for each mount namespace that is known to be there and
// could not be read. Where the kernel lists all, one that is not listed is gone.
func (s *Scan) missed(all []*Namespace) []ns.Gap {
	if s.Blind == nil {
		return nil
	}
	seen := map[uint64]bool{}
	for _, m := range all {
		seen[m.Inode] = m.read || m.jail != "" || m.denied != nil
	}
	var gaps []ns.Gap
	for _, inode := range slices.Sorted(maps.Keys(s.pins)) {
		if !seen[inode] {
			gaps = append(gaps, ns.Gap{Sources: []string{"mount"}, Path: ns.FormatLink(ns.Mnt, inode), Err: fmt.Errorf("no process is in it: %w", s.Blind)})
		}
	}
	return gaps
}

// explainFiles marks a regular file in a names directory that is a mount
// point, where it is: in another mount namespace, or in ours below a mount that
// covers it. To remove it would unmount what is on it (fs/namei.c, vfs_unlink,
// 6.18).
func (s *Scan) explainFiles(all []*Namespace) {
	tree := newMountTree(s.Own.mounts)
	if tree.root == nil {
		return
	}
	for i := range s.seen.Dangling {
		dangling := &s.seen.Dangling[i]
		if dangling.Kind != ns.NameFile {
			continue
		}
		dangling.Compared = true
		file := fileAt(tree.reach(dangling.Path), dangling.Path)
		for _, m := range all {
			for _, mount := range m.mountsOn(file) {
				t, inode, ok := ns.ParseLink(mount.root)
				if !ok {
					continue // a gap: see mountsIn
				}
				if dangling.Pins == nil {
					dangling.Reason = fmt.Sprintf("a plain file here, but %s is mounted on it in %s", mount.root, s.describeMountNS(m))
				}
				h := s.holder(m, mount)
				h.Covered = m == s.Own
				dangling.Pins = append(dangling.Pins, ns.Pin{Type: t, Inode: inode, Mount: h})
			}
		}
	}
}

// fileID names a file by its file system's device and its path in there.
type fileID struct {
	major, minor int32
	path         string
}

// fileAt names the file at a path that is in a mount.
func fileAt(m *mount, name string) fileID {
	return fileID{m.major, m.minor, path.Join(m.root, strings.TrimPrefix(name, strings.TrimSuffix(m.path, "/")))}
}

// mountsOn returns the mounts of namespaces on a file.
func (m *Namespace) mountsOn(file fileID) (on []*mount) {
	if !slices.ContainsFunc(m.mounts, isNSFS) {
		return nil
	}
	byID := make(map[int]*mount, len(m.mounts))
	for _, mount := range m.mounts {
		byID[mount.id] = mount
	}
	for _, mount := range m.mounts {
		parent := byID[mount.parent]
		if mount.nsfs && parent != nil && !parent.nsfs && fileAt(parent, mount.path) == file {
			on = append(on, mount)
		}
	}
	return on
}

func (s *Scan) describeMountNS(m *Namespace) string {
	if m == s.Own {
		return "our own, below the mount that its path leads to"
	}
	if m.member.pid == 0 {
		return ns.FormatLink(ns.Mnt, m.Inode) + ", a mount namespace that no process is in"
	}
	id, comm := m.member.pid, ""
	if m.member.tid != 0 {
		id = m.member.tid
	}
	if st, err := s.host.ReadStat(strings.TrimPrefix(m.member.dir(), "/proc/")); err == nil {
		comm = " (" + st.Comm + ")"
	}
	return fmt.Sprintf("the mount namespace of PID %d%s", id, comm)
}
