// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// mountScan reads the mounts of one scan.
type mountScan struct {
	host  *Host
	types []Type
	list  func() ([]listedNS, error)
	named map[string]key      // uncovered namespace mounts in our own mount namespace, by mount point
	own   *mountNS            // our own mount namespace, or that of another root's first process
	quiet bool                // no other mount namespace has a namespace mounted: no process need be asked which is its
	stale bool                // it was quiet no more when the walk was over
	blind error               // why mount namespaces that no process is in stay unread
	seen  *found              // what the walk found
	pins  map[uint64][]Holder // what holds mount namespaces beside processes
}

func newMountScan(h *Host, types []Type, list func() ([]listedNS, error)) mountScan {
	return mountScan{host: h, types: types, named: map[string]key{}, list: list, pins: map[uint64][]Holder{}}
}

func (s *mountScan) wants(t Type) bool { return slices.Contains(s.types, t) }

// mountNS is one mount namespace: who sees it, and what was read of it.
type mountNS struct {
	inode  uint64 // 0 if unknown
	id     uint64 // see listedNS; 0 if it was not listed
	seer   task   // sees it; zero if no task is known to
	mounts []*mountinfo.Info
	lines  int    // how many mounts mountinfo showed
	read   bool   // all that its root leads to
	jail   string // the root directory of the chrooted task that showed a part of it
	broken error  // lines of mountinfo that could not be parsed
}

// task is a process, or a thread whose mount namespace is not its process's.
type task struct{ pid, tid int }

// dir returns the task's directory in /proc.
func (t task) dir() string {
	if t.tid != 0 {
		return fmt.Sprintf("/proc/%d/task/%d", t.pid, t.tid)
	}
	return fmt.Sprintf("/proc/%d", t.pid)
}

// findOwn reads one mount namespace early, for the names in it: the
// caller's own, or that of another root's first process, whose paths are the
// ones that root knows. mountinfo needs no privilege (fs/proc_namespace.c,
// mounts_open_common, 6.18).
func (s *mountScan) findOwn() (out found) {
	name := s.host.MountTask()
	own := &mountNS{inode: s.host.MountNamespace(name), read: true}
	own.seer = task{pid: seenBy(s.host, own.inode)}
	text, err := s.host.readAll(path.Join("/proc", name, "mountinfo"))
	if err == nil {
		own.mounts, err = parseMountInfo(strings.NewReader(text))
		own.lines = len(own.mounts)
	}
	if err != nil {
		out.gaps = append(out.gaps, Gap{"mount", path.Join("/proc", name, "mountinfo"), plain(err)})
	}
	tree := newMountTree(own.mounts)
	for _, m := range own.mounts {
		if t, inode, ok := ParseLink(m.Root); ok && m.FSType == "nsfs" && s.wants(t) && !tree.covered(m) {
			s.named[m.Mountpoint] = key{t, inode}
		}
	}
	s.own = own
	return out
}

// elsewhere reports whether another mount namespace than our own may have
// a namespace mounted in it. Where the kernel lists mount namespaces and their
// mounts (6.12, CAP_SYS_ADMIN) that is cheap to know, and mostly spares asking
// every process which mount namespace it is in.
func (s *mountScan) elsewhere() bool {
	if !s.host.Live() || s.wants(Mnt) || inUserNamespace() || !hasCapability(unix.CAP_SYS_ADMIN) {
		return true
	}
	own := s.host.MountNamespace("self")
	listed, err := s.list()
	if err != nil || own == 0 {
		return true
	}
	for _, l := range listed {
		if l.inode == own {
			continue
		}
		ids, err := listMounts(l.id)
		if err != nil {
			return true
		}
		if mounted, err := mountsNamespace(l.id, ids); err != nil || mounted {
			return true
		}
	}
	return false
}

// read reads every mount namespace once, when the walk has told who is in
// which, and takes the namespaces that are mounted there.
func (s *mountScan) read(ctx context.Context, seen *found) found {
	s.seen = seen
	for _, p := range seen.pins {
		s.pins[p.mountNS] = append(s.pins[p.mountNS], p.Holder)
	}
	all := s.mountNamespaces(ctx)
	gaps := make([]error, len(all))
	each(ctx, len(all), func(i int) { gaps[i] = s.readUnseen(all[i]) })
	if s.quiet && slices.ContainsFunc(all[1:], func(m *mountNS) bool { return slices.ContainsFunc(m.mounts, isNSFS) }) {
		s.stale = true // mounted since it was looked at: now everybody has to be asked
	}
	s.notePins(all)
	out := found{gaps: s.missed(all)}
	for i, m := range all {
		if gaps[i] != nil {
			out.gaps = append(out.gaps, Gap{"mount", FormatLink(Mnt, m.inode), gaps[i]})
		}
		if m.broken != nil {
			out.gaps = append(out.gaps, Gap{"mount", m.seer.dir() + "/mountinfo", m.broken})
		}
		out.add(s.mountsIn(m))
	}
	s.explainFiles(all)
	return out
}

// mountsIn returns the namespaces that are mounted in a mount namespace.
func (s *mountScan) mountsIn(m *mountNS) (out found) {
	if !slices.ContainsFunc(m.mounts, isNSFS) {
		return out
	}
	var pin *Holder
	if pins := s.pins[m.inode]; m.seer.pid == 0 && len(pins) > 0 {
		pin = &pins[0]
	}
	tree := newMountTree(m.mounts)
	copies := propagated(tree, m.mounts)
	for _, mount := range m.mounts {
		if !isNSFS(mount) {
			continue
		}
		t, inode, ok := ParseLink(mount.Root)
		if !ok {
			out.gaps = append(out.gaps, Gap{"mount", mount.Mountpoint, errors.New("nsfs mount of unknown root " + strconv.Quote(mount.Root))})
		}
		if ok && s.wants(t) {
			out.sightings.add(sightingOf(key{t, inode}, &Holder{
				Kind: KindMount, PID: m.seer.pid, TID: m.seer.tid, Path: mount.Mountpoint,
				MountNS: m.inode, MountID: mount.ID, Covered: tree.covered(mount), Copy: copies[mount], Pin: pin,
			}))
		}
	}
	return out
}

func isNSFS(m *mountinfo.Info) bool { return m.FSType == "nsfs" }

// seenBy returns a process that sees a mount namespace and is likely to stay:
// the first process, or else the one that started this program.
func seenBy(h *Host, mountNS uint64) int {
	if mountNS == 0 {
		return 0
	}
	candidates := []int{1}
	if h.Live() {
		candidates = append(candidates, os.Getppid(), os.Getpid())
	}
	for _, pid := range candidates {
		if h.MountNamespace(strconv.Itoa(pid)) == mountNS {
			return pid
		}
	}
	return 0
}
