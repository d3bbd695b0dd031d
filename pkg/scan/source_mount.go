// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"context"
	"errors"
	"os"
	"path"
	"strconv"

	"golang.org/x/sys/unix"
)

// findMounts finds the nsfs bind mounts in one mount namespace: the caller's
// own, or that of another root's first process, whose paths are the ones that
// root knows. mountinfo needs no privilege (fs/proc_namespace.c, 6.18).
func findMounts(_ context.Context, s *scanner) {
	task := s.mountTask()
	name := path.Join("/proc", task, "mountinfo")
	var out found
	defer func() { s.take(out) }()

	f, err := s.host.readFile(name)
	if err != nil {
		out.gaps = append(out.gaps, Gap{"mount", name, plain(err)})
		return
	}
	defer f.Close()
	mounts, err := parseMountInfo(f)
	if err != nil {
		out.gaps = append(out.gaps, Gap{"mount", name, plain(err)})
	}
	mountNS := s.mountNamespace(task)
	seenBy := s.seenBy(mountNS)
	tree := newMountTree(mounts)
	for _, m := range mounts {
		if m.FSType != "nsfs" {
			continue
		}
		t, inode, ok := ParseLink(m.Root)
		if !ok {
			out.gaps = append(out.gaps, Gap{"mount", m.Mountpoint, errors.New("nsfs mount of unknown root " + strconv.Quote(m.Root))})
			continue
		}
		if !s.wants(t) {
			continue
		}
		h := Holder{
			Kind: KindMount, PID: seenBy, Path: m.Mountpoint,
			MountNS: mountNS, MountID: m.ID, Covered: tree.covered(m),
		}
		out.sightings.add(sighting{key{t, inode}, h})
		if !h.Covered {
			s.mounted[h.Path] = key{t, inode}
		}
	}
}

// mountTask names in /proc the task whose mounts are the host's.
func (s *scanner) mountTask() string {
	if s.host.live {
		return "self"
	}
	return "1"
}

// mountNamespace returns the inode of a task's mount namespace, 0 if the kernel
// does not tell.
func (s *scanner) mountNamespace(task string) uint64 {
	_, inode, err := s.host.namespaceAt(path.Join("/proc", task, "ns/mnt"))
	if err != nil {
		return 0
	}
	return inode
}

// seenBy returns a process that sees a mount namespace and is likely to stay:
// the first process, or else the one that started this program.
func (s *scanner) seenBy(mountNS uint64) int {
	if mountNS == 0 {
		return 0
	}
	candidates := []int{1}
	if s.host.live {
		candidates = append(candidates, os.Getppid(), os.Getpid())
	}
	for _, pid := range candidates {
		if s.mountNamespace(strconv.Itoa(pid)) == mountNS {
			return pid
		}
	}
	return 0
}

// plain strips what a gap says elsewhere: the operation and the path.
func plain(err error) error {
	var pathErr *os.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	var errno unix.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}
