// SPDX-License-Identifier: Apache-2.0

// Package mounts reads mountinfo and mount namespaces, also those without a process,
// and finds the namespaces that are mounted in them.
package mounts

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/kernel"
	"github.com/nsinspect/nsinspect/internal/pool"
	"github.com/nsinspect/nsinspect/internal/record"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// Scan reads the mounts of one scan.
type Scan struct {
	host  *host.Host
	types []ns.Type
	List  func() ([]Listed, error)
	Named map[string]record.Key   // uncovered namespace mounts in our own mount namespace, by mount point
	Own   *Namespace              // our own mount namespace, or that of another root's first process
	Quiet bool                    // no other mount namespace has a namespace mounted: no process need be asked which is its
	Stale bool                    // it was quiet no more when the walk was over
	Blind error                   // why mount namespaces that no process is in stay unread
	seen  *record.Found           // what the walk found
	pins  map[uint64][]ns.Holder  // what holds mount namespaces beside processes
	plain [][]byte                // see noteFiles
	dirs  map[string]ns.Authority // of directories with mount points in our own mount namespace
	paths *paths

	effort effort
}

// New returns a scan of the mounts of a host for namespaces of the given types. list
// returns the mount namespaces that the kernel lists: List, but in tests.
func New(h *host.Host, types []ns.Type, list func() ([]Listed, error)) Scan {
	return Scan{host: h, types: types, Named: map[string]record.Key{}, List: list, pins: map[uint64][]ns.Holder{}, dirs: map[string]ns.Authority{}, paths: &paths{}}
}

func (s *Scan) wants(t ns.Type) bool { return slices.Contains(s.types, t) }

// Namespace is one mount namespace: a member of it, and what was read of it.
type Namespace struct {
	Inode  uint64 // 0 if unknown
	id     uint64 // see listedNS; 0 if it was not listed
	member task   // a task in it; zero if none is known
	mounts []*mount
	read   bool         // all that its root leads to
	jail   string       // the root directory of the chrooted task that showed a part of it
	owner  ns.Authority // who can mount in it; see findOwners
	broken error        // lines of mountinfo that could not be parsed
	over   error        // why no task has shown all of its mounts
	denied error        // why it is unknown of member whether it is there still, and no other task has shown the mounts
}

// task is a process, or a thread whose mount namespace is not its process's.
type task struct {
	pid, tid ns.TaskID
	born     time.Duration // when the process started, as in ns.Holder; 0 if unknown
}

// holder returns a mount of a namespace in a mount namespace.
func (s *Scan) holder(m *Namespace, mount *mount) ns.Holder {
	return ns.Holder{
		Kind: ns.KindMount, PID: m.member.pid, TID: m.member.tid, Born: m.member.born, Path: mount.path,
		MountNS: m.Inode, MountID: int32(mount.id), Authority: s.authority(m, mount.path),
	}
}

// dir returns the task's directory in /proc.
func (t task) dir() string {
	if t.tid != 0 {
		return fmt.Sprintf("/proc/%d/task/%d", t.pid, t.tid)
	}
	return fmt.Sprintf("/proc/%d", t.pid)
}

// ReadOwn reads one mount namespace early, for the names in it: the
// caller's own, or that of another root's first process, whose paths are the
// ones that root knows. mountinfo needs no privilege (fs/proc_namespace.c,
// mounts_open_common, 6.18).
func (s *Scan) ReadOwn() (out record.Found) {
	name := s.host.MountTask()
	own := &Namespace{Inode: s.host.MountNamespace(name), read: true}
	own.member = task{pid: memberOf(s.host, own.Inode)}
	mounts, broken, err := s.readTable(path.Join("/proc", name, "mountinfo"), true, func() error { return nil })
	own.mounts = mounts
	if err = cmp.Or(err, broken); err != nil {
		out.Gaps = append(out.Gaps, ns.Gap{Sources: []string{"mount"}, Path: path.Join("/proc", name, "mountinfo"), Err: host.Cause(err)})
	}
	tree := newMountTree(own.mounts)
	for _, m := range own.mounts {
		if s.host.Live() && onTask(m.path) {
			out.Gaps = append(out.Gaps, ns.Gap{Sources: []string{"process"}, Path: m.path, Err: errCovered})
		}
		if t, inode, ok := ns.ParseLink(m.root); ok && m.nsfs && s.wants(t) && !tree.covered(m) {
			s.Named[m.path] = record.Key{Type: t, Inode: inode}
		}
	}
	s.Own = own
	return out
}

// errCovered is the gap of files of a process that cannot be reached.
var errCovered = errors.New("a mount covers it")

// onTask reports whether a path is that of a process in /proc, or of a file of one. What is mounted
// there has the place of what the kernel would show, and ends with the process (fs/dcache.c,
// d_invalidate, 6.18).
func onTask(path string) bool {
	rest, ok := strings.CutPrefix(path, "/proc/")
	pid, _, _ := strings.Cut(rest, "/")
	_, err := strconv.ParseUint(pid, 10, 31)
	return ok && err == nil
}

// Elsewhere reports whether another mount namespace than our own may have
// a namespace mounted in it. Where the kernel lists mount namespaces and their
// mounts (6.12, CAP_SYS_ADMIN) that is cheap to know, and mostly spares asking
// every process which mount namespace it is in.
func (s *Scan) Elsewhere() bool {
	if !s.host.Live() || s.wants(ns.Mnt) || kernel.InUserNamespace() || !kernel.HasCapability(unix.CAP_SYS_ADMIN) {
		return true
	}
	own := s.host.MountNamespace("self")
	listed, err := s.List()
	if err != nil || own == 0 {
		return true
	}
	for _, l := range listed {
		if l.inode == own {
			continue
		}
		check := s.listed(l.inode).check
		ids, err := listMounts(l.id, check)
		if err != nil {
			return true
		}
		if mounted, err := mountsNamespace(l.id, ids, nil, check); err != nil || mounted {
			return true
		}
	}
	return false
}

// Read reads every mount namespace once, when the walk has found which tasks are in
// which, and takes the namespaces that are mounted there.
func (s *Scan) Read(ctx context.Context, seen *record.Found) record.Found {
	s.seen = seen
	s.noteFiles(seen.Dangling)
	for _, p := range seen.Pins {
		s.pins[p.MountNS] = append(s.pins[p.MountNS], p.Holder)
	}
	all := s.mountNamespaces(ctx)
	gaps := make([]error, len(all))
	pool.Each(ctx, len(all), func(i int) { gaps[i] = s.readUnseen(all[i]) })
	s.paths.all = nil // all have been read
	if s.Quiet && slices.ContainsFunc(all[1:], func(m *Namespace) bool { return slices.ContainsFunc(m.mounts, isNSFS) }) {
		s.Stale = true // mounted since it was looked at: now everybody has to be asked
	}
	s.findOwners(all)
	s.notePins(all)
	out := record.Found{Gaps: s.missed(all)}
	along := s.along(all)
	files := slices.ContainsFunc(seen.Dangling, func(d ns.DanglingName) bool { return d.Kind == ns.NameFile })
	for i, m := range all {
		if m.denied != nil && !m.read {
			out.Gaps = append(out.Gaps, ns.Gap{Sources: []string{"mount"}, Path: m.member.dir() + "/ns/mnt", Err: m.denied})
		} else if gaps[i] != nil {
			out.Gaps = append(out.Gaps, ns.Gap{Sources: []string{"mount"}, Path: ns.FormatLink(ns.Mnt, m.Inode), Err: gaps[i]})
		}
		if m.broken != nil {
			out.Gaps = append(out.Gaps, ns.Gap{Sources: []string{"mount"}, Path: m.member.dir() + "/mountinfo", Err: m.broken})
		}
		out.Add(s.mountsIn(m, along))
		if !files {
			m.mounts = nil // there can be a hundred thousand, and what they hold was recorded
		}
	}
	if files {
		s.explainFiles(all)
	}
	s.Own.mounts, s.paths = nil, nil
	return out
}

// mountsIn returns the namespaces that are mounted in a mount namespace.
func (s *Scan) mountsIn(m *Namespace, along map[*mount]ns.Along) (out record.Found) {
	if !slices.ContainsFunc(m.mounts, isNSFS) {
		return out
	}
	var pin *ns.Holder
	if pins := s.pins[m.Inode]; m.member.pid == 0 && len(pins) > 0 {
		pin = &pins[0]
	}
	tree := newMountTree(m.mounts)
	copies := propagated(tree, m.mounts)
	for _, mount := range m.mounts {
		if !mount.nsfs {
			continue
		}
		t, inode, ok := ns.ParseLink(mount.root)
		if !ok {
			out.Gaps = append(out.Gaps, ns.Gap{Sources: []string{"mount"}, Path: mount.path, Err: errors.New("nsfs mount of unknown root " + strconv.Quote(mount.root))})
		}
		if ok && s.wants(t) {
			h := s.holder(m, mount)
			h.Covered, h.Along, h.Pin = tree.covered(mount), along[mount], pin
			if copies[mount] {
				h.Along = ns.AlongOver
			}
			out.Records.Add(record.Key{Type: t, Inode: inode}, &h)
		}
	}
	return out
}

// memberOf returns a process in a mount namespace that is likely to stay:
// the first process, or else the one that started this program.
func memberOf(h *host.Host, mountNS uint64) ns.TaskID {
	if mountNS == 0 {
		return 0
	}
	candidates := []ns.TaskID{1}
	if h.OwnTaskIDs() {
		candidates = append(candidates, ns.TaskID(os.Getppid()), ns.TaskID(os.Getpid()))
	}
	for _, pid := range candidates {
		if h.MountNamespace(pid.String()) == mountNS {
			return pid
		}
	}
	return 0
}
