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

// mountScan is what the source mount keeps during a scan.
type mountScan struct {
	named map[string]key // uncovered namespace mounts in our own mount namespace, by mount point
	own   *mountNS       // our own mount namespace, or that of another root's first process
	list  func() ([]listedNS, error)
	quiet bool                // no other mount namespace has a namespace mounted: nobody need be asked which is hers
	stale bool                // it was quiet no more when the walk was over
	blind error               // why mount namespaces that no process is in stay unread
	pins  map[uint64][]Holder // what holds mount namespaces beside processes: guarded by scanner.mu
}

func newMountScan(list func() ([]listedNS, error)) mountScan {
	return mountScan{named: map[string]key{}, list: list, pins: map[uint64][]Holder{}}
}

// tell says in a snapshot whose paths it has, and how far the source looked.
func (m *mountScan) tell(snap *Snapshot) {
	if m.own != nil {
		snap.MountNS, snap.MountsAll = m.own.inode, m.blind == nil
	}
}

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

// findMounts reads one mount namespace early, for the names in it: the
// caller's own, or that of another root's first process, whose paths are the
// ones that root knows. mountinfo needs no privilege (fs/proc_namespace.c,
// mounts_open_common, 6.18).
func findMounts(_ context.Context, s *scanner) {
	name := s.mountTask()
	own := &mountNS{inode: s.mountNamespace(name), read: true}
	own.seer = task{pid: s.seenBy(own.inode)}
	text, err := s.host.readAll(path.Join("/proc", name, "mountinfo"))
	if err == nil {
		own.mounts, err = parseMountInfo(strings.NewReader(text))
		own.lines = len(own.mounts)
	}
	if err != nil {
		s.take(found{gaps: []Gap{{"mount", path.Join("/proc", name, "mountinfo"), plain(err)}}})
	}
	tree := newMountTree(own.mounts)
	for _, m := range own.mounts {
		if t, inode, ok := ParseLink(m.Root); ok && m.FSType == "nsfs" && s.wants(t) && !tree.covered(m) {
			s.mounts.named[m.Mountpoint] = key{t, inode}
		}
	}
	s.mounts.own = own
}

// mountsElsewhere reports whether another mount namespace than our own may have
// a namespace mounted in it. Where the kernel lists mount namespaces and their
// mounts (6.12, CAP_SYS_ADMIN) that is cheap to know, and mostly spares asking
// every process which mount namespace it is in.
func (s *scanner) mountsElsewhere() bool {
	if !s.host.live || s.opts.Engine != nil || s.wants(Mnt) || inUserNamespace() || !hasCapability(unix.CAP_SYS_ADMIN) {
		return true
	}
	own := s.mountNamespace("self")
	listed, err := s.mounts.list()
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

// mountTask names in /proc the task whose mounts are the host's.
func (s *scanner) mountTask() string {
	if s.host.live {
		return "self"
	}
	return "1"
}

// visitMountNS notes who is in which mount namespace. A link that is refused is
// a gap already if it is so for the process's other namespaces.
func visitMountNS(w *worker, v *visit) {
	if w.mounts.quiet {
		return
	}
	w.readOwn(v)
	if v.shut {
		return
	}
	inode := v.own[Mnt]
	if inode == 0 && !w.wants(Mnt) {
		var errno unix.Errno
		if inode, errno = w.readLink(Mnt, v.pid, "/ns/mnt"); errno != 0 && !ended(errno) && !w.gone(v.pid) {
			w.gap("mount", fmt.Sprintf("/proc/%d/ns/mnt", v.pid), errno)
		}
	}
	if inode != 0 {
		w.seers[inode] = append(w.seers[inode], v.pid)
	}
	if len(v.tids) > 0 {
		w.threaded = append(w.threaded, v.pid)
	}
}

// noteMountNS tells the source mount of something that keeps a mount namespace
// alive, so that it is read, or missed, even if no process is in it.
func (s *scanner) noteMountNS(inode uint64, pin Holder) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mounts.pins[inode] = append(s.mounts.pins[inode], pin)
}

// readMounts reads every mount namespace once, when the walk has told who is in
// which, and takes the namespaces that are mounted there.
func readMounts(ctx context.Context, s *scanner) {
	all := s.mountNamespaces(ctx)
	gaps := make([]error, len(all))
	each(ctx, len(all), func(i int) { gaps[i] = s.readUnseen(all[i]) })
	if s.mounts.quiet && slices.ContainsFunc(all[1:], func(m *mountNS) bool { return slices.ContainsFunc(m.mounts, isNSFS) }) {
		s.mounts.stale = true // mounted since it was looked at: now everybody has to be asked
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
	s.take(out)
	s.explainFiles(all)
}

// mountsIn returns the namespaces that are mounted in a mount namespace.
func (s *scanner) mountsIn(m *mountNS) (out found) {
	if !slices.ContainsFunc(m.mounts, isNSFS) {
		return out
	}
	var pin *Holder
	if pins := s.mounts.pins[m.inode]; m.seer.pid == 0 && len(pins) > 0 {
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
