// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"sort"
	"strings"

	"github.com/moby/sys/mountinfo"
)

// notePins notes what holds mount namespaces: mounts of them, and what other
// sources saw.
func (s *mountScan) notePins(all []*mountNS) {
	for _, m := range all {
		for _, mount := range m.mounts {
			if t, inode, ok := ParseLink(mount.Root); ok && t == Mnt && isNSFS(mount) {
				s.pins[inode] = append(s.pins[inode], Holder{
					Kind: KindMount, PID: m.seer.pid, TID: m.seer.tid, Path: mount.Mountpoint, MountNS: m.inode, MountID: mount.ID,
				})
			}
		}
	}
	s.seen.sightings.each(func(f *sighting) {
		if f.Type == Mnt && f.kind != KindProcess && f.kind != KindThread {
			s.pins[f.inode] = append(s.pins[f.inode], f.holder())
		}
	})
	for _, pins := range s.pins {
		sort.Sort(byHolder(pins))
	}
}

// missed returns a gap for each mount namespace that is known to be there and
// could not be read. Where the kernel lists all, one that is not listed is gone.
func (s *mountScan) missed(all []*mountNS) []Gap {
	if s.blind == nil {
		return nil
	}
	seen := map[uint64]bool{}
	for _, m := range all {
		seen[m.inode] = m.read || m.jail != ""
	}
	var gaps []Gap
	for _, inode := range slices.Sorted(maps.Keys(s.pins)) {
		if !seen[inode] {
			gaps = append(gaps, Gap{"mount", FormatLink(Mnt, inode), fmt.Errorf("no process is in it: %w", s.blind)})
		}
	}
	return gaps
}

// explainFiles says of a plain file in a names directory that it is a mount
// point, where it is: in another mount namespace, or in ours below a mount that
// covers it. To remove it would unmount what is on it (fs/namei.c, vfs_unlink,
// 6.18).
func (s *mountScan) explainFiles(all []*mountNS) {
	tree := newMountTree(s.own.mounts)
	if tree.root == nil {
		return
	}
	for i := range s.seen.strays {
		stray := &s.seen.strays[i]
		if stray.Kind != NameFile {
			continue
		}
		stray.Compared = true
		file := fileAt(tree.reach(stray.Path), stray.Path)
		for _, m := range all {
			for _, mount := range m.mountsOn(file) {
				t, inode, ok := ParseLink(mount.Root)
				if !ok {
					continue // a gap: see mountsIn
				}
				if stray.Pins == nil {
					stray.Reason = fmt.Sprintf("a plain file here, but %s is mounted on it in %s", mount.Root, s.describeMountNS(m))
				}
				stray.Pins = append(stray.Pins, Pin{t, inode, Holder{
					Kind: KindMount, PID: m.seer.pid, TID: m.seer.tid, Path: mount.Mountpoint,
					MountNS: m.inode, MountID: mount.ID, Covered: m == s.own,
				}})
			}
		}
	}
}

// fileID names a file by its file system's device and its path in there.
type fileID struct {
	major, minor int
	path         string
}

// fileAt names the file at a path that is in a mount.
func fileAt(m *mountinfo.Info, name string) fileID {
	return fileID{m.Major, m.Minor, path.Join(m.Root, strings.TrimPrefix(name, strings.TrimSuffix(m.Mountpoint, "/")))}
}

// mountsOn returns the mounts of namespaces on a file.
func (m *mountNS) mountsOn(file fileID) (on []*mountinfo.Info) {
	if !slices.ContainsFunc(m.mounts, isNSFS) {
		return nil
	}
	byID := make(map[int]*mountinfo.Info, len(m.mounts))
	for _, mount := range m.mounts {
		byID[mount.ID] = mount
	}
	for _, mount := range m.mounts {
		parent := byID[mount.Parent]
		if isNSFS(mount) && parent != nil && !isNSFS(parent) && fileAt(parent, mount.Mountpoint) == file {
			on = append(on, mount)
		}
	}
	return on
}

func (s *mountScan) describeMountNS(m *mountNS) string {
	if m == s.own {
		return "our own, below the mount that its path leads to"
	}
	if m.seer.pid == 0 {
		return FormatLink(Mnt, m.inode) + ", a mount namespace that no process is in"
	}
	id, comm := m.seer.pid, ""
	if m.seer.tid != 0 {
		id = m.seer.tid
	}
	if st, err := s.host.readStat(strings.TrimPrefix(m.seer.dir(), "/proc/")); err == nil {
		comm = " (" + st.comm + ")"
	}
	return fmt.Sprintf("the mount namespace of PID %d%s", id, comm)
}
