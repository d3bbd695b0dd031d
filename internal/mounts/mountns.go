// SPDX-License-Identifier: Apache-2.0

package mounts

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/kernel"
	"github.com/nsinspect/nsinspect/internal/pool"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// mountNamespaces returns our own mount namespace, which was read first, and
// every other one that a task is in, that the kernel lists, or that something is
// known to pin: read as far as a task shows it.
func (s *Scan) mountNamespaces(ctx context.Context) []*Namespace {
	all := []*Namespace{s.Own}
	index := map[uint64]*Namespace{s.Own.Inode: s.Own}
	at := func(inode uint64) *Namespace {
		if index[inode] == nil {
			index[inode] = &Namespace{Inode: inode}
			all = append(all, index[inode])
		}
		return index[inode]
	}
	unseen := s.listMountNS(func(l Listed) bool {
		at(l.inode).id = l.id
		return len(s.seen.Members[l.inode]) == 0
	})
	for inode := range s.pins {
		unseen = unseen || len(s.seen.Members[inode]) == 0
		at(inode)
	}
	for inode := range s.seen.Members {
		at(inode)
	}
	var threads map[uint64][]task // of namespaces without members
	if unseen && !s.Quiet {
		threads = s.threadSeers(ctx)
		for inode := range threads {
			at(inode)
		}
	}
	pool.Each(ctx, len(all)-1, func(i int) {
		m := all[i+1]
		s.readSeen(m, s.seen.Members[m.Inode], threads[m.Inode])
	})
	all = s.placeOwn(all)
	slices.SortFunc(all[1:], func(a, b *Namespace) int { return cmp.Compare(a.Inode, b.Inode) })
	return all
}

// listMountNS hands every mount namespace that the kernel lists to take, and
// reports whether there is, or can be, one in which, by take, there is no process.
func (s *Scan) listMountNS(take func(Listed) bool) (unseen bool) {
	if s.host.Recorded() {
		s.Blind = errors.New("a recorded tree shows the mounts of processes only")
		return true
	}
	listed, err := s.List()
	for _, l := range listed {
		if take(l) {
			unseen = true
		}
	}
	switch {
	case errors.Is(err, unix.ENOTTY):
		s.Blind = errors.New("its mounts can be listed from Linux 6.12 on")
	case err != nil:
		s.Blind = host.Cause(err)
	case kernel.InUserNamespace() || !kernel.HasCapability(unix.CAP_SYS_ADMIN):
		s.Blind = unix.EPERM
	}
	return unseen || s.Blind != nil
}

// threadSeers finds the threads in mount namespaces that no process is in.
func (s *Scan) threadSeers(ctx context.Context) map[uint64][]task {
	found := map[uint64][]task{}
	var mu sync.Mutex
	slices.Sort(s.seen.Threaded)
	s.seen.Threaded = slices.Compact(s.seen.Threaded)
	pool.Each(ctx, len(s.seen.Threaded), func(i int) {
		pid := s.seen.Threaded[i]
		tids, err := s.host.Threads(pid, make([]byte, 16<<10))
		if err != nil {
			return // ended, or a gap of the source thread
		}
		for _, tid := range tids {
			inode, err := s.host.NamespaceLink(fmt.Sprintf("%d/task/%d/ns/mnt", pid, tid))
			if err == nil && len(s.seen.Members[inode]) == 0 {
				mu.Lock()
				found[inode] = append(found[inode], task{pid: pid, tid: tid})
				mu.Unlock()
			}
		}
	})
	return found
}

// readSeen reads the mountinfo of one task in a mount namespace: the lowest PID
// whose root directory is the namespace's. One in a chroot shows only a part.
func (s *Scan) readSeen(m *Namespace, members []ns.TaskID, threads []task) {
	slices.Sort(members)
	slices.SortFunc(threads, func(a, b task) int { return cmp.Or(cmp.Compare(a.pid, b.pid), cmp.Compare(a.tid, b.tid)) })
	var jailed []task
	for i := range len(members) + len(threads) {
		var t task
		if i < len(members) {
			t.pid = members[i]
		} else {
			t = threads[i-len(members)]
		}
		if s.rootOf(t) != "/" {
			jailed = append(jailed, t)
		} else if s.readThrough(m, t) {
			m.read = m.over == nil
			return
		}
	}
	for _, t := range jailed {
		if s.readThrough(m, t) {
			m.jail = s.rootOf(t)
			for _, mount := range m.mounts {
				mount.path = s.paths.one(path.Join(m.jail, mount.path))
			}
			return
		}
	}
}

// rootOf returns the root directory of a task, as its mount namespace's root
// directory leads to it (fs/d_path.c, prepend_path, 6.18).
func (s *Scan) rootOf(t task) string {
	root, err := s.host.Readlink(strings.TrimPrefix(t.dir(), "/proc/") + "/root")
	if err != nil {
		return "/" // ended, or a recorded tree without it
	}
	return root
}

// readThrough reads a mount namespace through one task. It reports false if the
// task has ended or moved on, or its link is refused: the bpf engine needs none to know where it
// was, but mountinfo may be that of another namespace by now, or a part of it. A namespace in
// which none is mounted has no use for its other mounts. What is too much through one task is so through any other.
func (s *Scan) readThrough(m *Namespace, t task) bool {
	stat, statErr := s.host.OpenStat(t.pid.String())
	if statErr == nil {
		defer stat.Close()
	}
	mounts, broken, err := s.readTable(t.dir()+"/mountinfo", false, s.meter(func() ns.Authority { return s.controls(t) }).check)
	if m.over = tooMuch(err); err != nil && m.over == nil {
		return false
	}
	inode, err := s.host.NamespaceLink(strings.TrimPrefix(t.dir(), "/proc/") + "/ns/mnt")
	if errors.Is(err, fs.ErrPermission) && m.member.pid == 0 {
		m.member, m.denied = t, host.Cause(err)
	}
	if err != nil || inode != m.Inode {
		return false
	}
	m.member, m.denied = t, nil
	if len(mounts) > 0 || broken != nil {
		if statErr == nil && !s.host.Recorded() {
			m.member.born = startOf(stat)
		}
		m.mounts, m.broken = mounts, broken
	}
	return true
}

// tooMuch returns an error that is about how much there is to read, nil for any other.
func tooMuch(err error) error {
	if errors.Is(err, host.ErrTooLarge) || errors.Is(err, tooSlowError{}) {
		return err
	}
	return nil
}

// startOf returns when a process started, 0 if it has ended. What was read of its PID
// since the file was opened is of that process if it has not.
func startOf(f host.StatFile) time.Duration {
	stat, err := f.Read()
	if err != nil {
		return 0
	}
	return stat.Born()
}

// placeOwn finds our own mount namespace among the others where its link could
// not be read: mount IDs are unique in a kernel.
func (s *Scan) placeOwn(all []*Namespace) []*Namespace {
	own := all[0]
	if own.Inode != 0 || len(own.mounts) == 0 {
		return all
	}
	for i, m := range all[1:] {
		if slices.ContainsFunc(m.mounts, func(x *mount) bool { return x.id == own.mounts[0].id }) {
			own.Inode, own.id, own.member = m.Inode, m.id, m.member
			return slices.Delete(all, i+1, i+2)
		}
	}
	return all
}

// readUnseen adds what no task shows of a listed mount namespace. It returns why
// a part of it stays unread.
func (s *Scan) readUnseen(m *Namespace) error {
	if m.id == 0 {
		if m.over != nil {
			return m.over
		}
		if m.jail != "" {
			return fmt.Errorf("only mounts below %s can be seen, the root directory of its processes", m.jail)
		}
		return nil // see missed
	}
	check := s.listed(m.Inode).check
	ids, err := listMounts(m.id, check)
	if err == nil {
		var mounts []*mount
		mounts, err = s.statMounts(m.id, ids, m.shown(), check)
		m.merge(mounts)
	}
	if errors.Is(err, unix.ENOENT) { // ended
		err = nil
	}
	m.read = m.read || err == nil
	if err != nil && m.read {
		return nil // it is all that its root leads to
	}
	return err
}

// shown returns the IDs of the namespaces' mounts that mountinfo has shown, none if a
// chrooted process has.
func (m *Namespace) shown() map[int]bool {
	known := map[int]bool{}
	for _, x := range m.mounts {
		if m.jail == "" && x.nsfs {
			known[x.id] = true
		}
	}
	return known
}

// merge adds mounts that are not known yet. Where a chrooted process showed
// some, statmount has the better paths.
func (m *Namespace) merge(mounts []*mount) {
	if m.jail != "" {
		m.mounts = nil
	}
	known := map[int]bool{}
	for _, x := range m.mounts {
		known[x.id] = true
	}
	for _, x := range mounts {
		if !known[x.id] {
			m.mounts = append(m.mounts, x)
		}
	}
}
