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
		at := tree.reach(dangling.Path)
		if at.path == dangling.Path {
			dangling.Others = append(dangling.Others, s.describeMountNS(s.Own))
		}
		file := fileAt(at, dangling.Path)
		for _, m := range all {
			for _, mount := range m.mountsOn(file) {
				s.explainFile(dangling, m, mount)
			}
		}
	}
}

// explainFile notes what is mounted on a plain file.
func (s *Scan) explainFile(dangling *ns.DanglingName, m *Namespace, on *mount) {
	if !on.nsfs {
		if m != s.Own && !s.controls(m.member).Trusted {
			return // a user can mount anything there, and whoever removes the file needs not care
		}
		dangling.Others = append(dangling.Others, s.describeMountNS(m))
		return
	}
	t, inode, ok := ns.ParseLink(on.root)
	if !ok {
		return // a gap: see mountsIn
	}
	if dangling.Pins == nil {
		where := s.describeMountNS(m)
		if m == s.Own {
			where += ", below the mount that its path leads to"
		}
		dangling.Reason = fmt.Sprintf("a plain file here, but %s is mounted on it in %s", on.root, where)
	}
	h := s.holder(m, on)
	h.Covered = m == s.Own
	dangling.Pins = append(dangling.Pins, ns.Pin{Type: t, Inode: inode, Mount: h})
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

// mountsOn returns the mounts on a file.
func (m *Namespace) mountsOn(file fileID) (on []*mount) {
	byID := make(map[int]*mount, len(m.mounts))
	for _, mount := range m.mounts {
		byID[mount.id] = mount
	}
	for _, mount := range m.mounts {
		parent := byID[mount.parent]
		if parent != nil && !parent.nsfs && path.Base(mount.path) == path.Base(file.path) && fileAt(parent, mount.path) == file {
			on = append(on, mount)
		}
	}
	return on
}

func (s *Scan) describeMountNS(m *Namespace) string {
	if m == s.Own {
		return "our own mount namespace"
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
