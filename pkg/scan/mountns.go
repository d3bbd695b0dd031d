// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// mountNamespaces returns our own mount namespace, which was read first, and
// every other one that a task is in, that the kernel lists, or that something is
// known to pin: read as far as a task shows it.
func (s *mountScan) mountNamespaces(ctx context.Context) []*mountNS {
	all := []*mountNS{s.own}
	index := map[uint64]*mountNS{s.own.inode: s.own}
	at := func(inode uint64) *mountNS {
		if index[inode] == nil {
			index[inode] = &mountNS{inode: inode}
			all = append(all, index[inode])
		}
		return index[inode]
	}
	unseen := s.listMountNS(func(l listedNS) bool {
		at(l.inode).id = l.id
		return len(s.seen.seers[l.inode]) == 0
	})
	for inode := range s.pins {
		unseen = unseen || len(s.seen.seers[inode]) == 0
		at(inode)
	}
	tasks := map[uint64][]task{}
	for inode, pids := range s.seen.seers {
		at(inode)
		for _, pid := range pids {
			tasks[inode] = append(tasks[inode], task{pid: pid})
		}
	}
	if unseen && !s.quiet {
		for inode, threads := range s.threadSeers(ctx) {
			at(inode)
			tasks[inode] = threads
		}
	}
	each(ctx, len(all)-1, func(i int) { s.readSeen(all[i+1], tasks[all[i+1].inode]) })
	all = s.placeOwn(all)
	slices.SortFunc(all[1:], func(a, b *mountNS) int { return cmp.Compare(a.inode, b.inode) })
	return all
}

// listMountNS hands every mount namespace that the kernel lists to take, and
// reports whether there is, or can be, one that take says no process is in.
func (s *mountScan) listMountNS(take func(listedNS) bool) (unseen bool) {
	if s.host.Recorded() {
		s.blind = errors.New("a recorded tree shows the mounts of processes only")
		return true
	}
	listed, err := s.list()
	for _, l := range listed {
		if take(l) {
			unseen = true
		}
	}
	switch {
	case errors.Is(err, unix.ENOTTY):
		s.blind = errors.New("its mounts can be listed from Linux 6.12 on")
	case err != nil:
		s.blind = plain(err)
	case inUserNamespace() || !hasCapability(unix.CAP_SYS_ADMIN):
		s.blind = unix.EPERM
	}
	return unseen || s.blind != nil
}

// threadSeers finds the threads in mount namespaces that no process is in.
func (s *mountScan) threadSeers(ctx context.Context) map[uint64][]task {
	found := map[uint64][]task{}
	var mu sync.Mutex
	slices.Sort(s.seen.threaded)
	s.seen.threaded = slices.Compact(s.seen.threaded)
	each(ctx, len(s.seen.threaded), func(i int) {
		pid := s.seen.threaded[i]
		tids, err := s.host.threads(pid, make([]byte, 16<<10))
		if err != nil {
			return // ended, or a gap of the source thread
		}
		for _, tid := range tids {
			inode, err := s.host.link(fmt.Sprintf("%d/task/%d/ns/mnt", pid, tid))
			if err == nil && len(s.seen.seers[inode]) == 0 {
				mu.Lock()
				found[inode] = append(found[inode], task{pid, tid})
				mu.Unlock()
			}
		}
	})
	return found
}

// readSeen reads the mountinfo of one task in a mount namespace: the lowest PID
// whose root directory is the namespace's. One in a chroot shows only a part.
func (s *mountScan) readSeen(m *mountNS, tasks []task) {
	slices.SortFunc(tasks, func(a, b task) int { return cmp.Or(cmp.Compare(a.pid, b.pid), cmp.Compare(a.tid, b.tid)) })
	var jailed []task
	for _, t := range tasks {
		if s.rootOf(t) != "/" {
			jailed = append(jailed, t)
		} else if s.readThrough(m, t) {
			m.read = true
			return
		}
	}
	for _, t := range jailed {
		if s.readThrough(m, t) {
			m.jail = s.rootOf(t)
			for _, mount := range m.mounts {
				mount.Mountpoint = path.Join(m.jail, mount.Mountpoint)
			}
			return
		}
	}
}

// rootOf returns the root directory of a task, as its mount namespace's root
// directory leads to it (fs/d_path.c, prepend_path, 6.18).
func (s *mountScan) rootOf(t task) string {
	root, err := s.host.readLinkText(strings.TrimPrefix(t.dir(), "/proc/") + "/root")
	if err != nil {
		return "/" // ended, or a recorded tree without it
	}
	return root
}

// readThrough reads a mount namespace through one task. It reports false if the
// task has ended or moved on. A namespace in which none is mounted has no use
// for its other mounts.
func (s *mountScan) readThrough(m *mountNS, t task) bool {
	text, err := s.host.readAll(t.dir() + "/mountinfo")
	if err != nil {
		return false
	}
	inode, err := s.host.link(strings.TrimPrefix(t.dir(), "/proc/") + "/ns/mnt")
	if err != nil || inode != m.inode {
		return false
	}
	m.seer, m.lines = t, strings.Count(text, "\n")
	if strings.Contains(text, "nsfs") {
		m.mounts, m.broken = parseMountInfo(strings.NewReader(text))
	}
	return true
}

// placeOwn finds our own mount namespace among the others where its link could
// not be read: mount IDs are unique in a kernel.
func (s *mountScan) placeOwn(all []*mountNS) []*mountNS {
	own := all[0]
	if own.inode != 0 || len(own.mounts) == 0 {
		return all
	}
	for i, m := range all[1:] {
		if slices.ContainsFunc(m.mounts, func(x *mountinfo.Info) bool { return x.ID == own.mounts[0].ID }) {
			own.inode, own.id, own.seer = m.inode, m.id, m.seer
			return slices.Delete(all, i+1, i+2)
		}
	}
	return all
}

// readUnseen adds what no task shows of a listed mount namespace. It returns why
// a part of it stays unread.
func (s *mountScan) readUnseen(m *mountNS) error {
	if m.id == 0 {
		if m.jail != "" {
			return fmt.Errorf("only mounts below %s can be seen, the root directory of its processes", m.jail)
		}
		return nil // see missed
	}
	ids, err := listMounts(m.id)
	if err == nil && (!m.read || len(ids) != m.lines) {
		var mounts []*mountinfo.Info
		mounts, err = statMounts(m.id, ids)
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

// merge adds mounts that are not known yet. Where a chrooted process showed
// some, what statmount says has the better paths.
func (m *mountNS) merge(mounts []*mountinfo.Info) {
	if m.jail != "" {
		m.mounts = nil
	}
	known := map[int]bool{}
	for _, x := range m.mounts {
		known[x.ID] = true
	}
	for _, x := range mounts {
		if !known[x.ID] {
			m.mounts = append(m.mounts, x)
		}
	}
}
