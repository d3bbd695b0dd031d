// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"slices"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/record"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// watch is a watch on the file of a namespace.
type watch struct {
	inode  uint64
	holder ns.Holder
}

// maxWatches is how much text is read of all watches of root's processes, and of all of
// others, which is of about 130,000: a user can have as many.
const maxWatches = 16 << 20

// readWatches takes the inotify and fanotify files that watch the file of a namespace:
// a watch keeps that file's inode (fsnotify_get_inode_ref, fs/notify/mark.c, 5.10 and
// 6.18), and the inode its namespace. What type of namespace it is of is known from what
// else was found, or from the kernel's list.
func (s *scanner) readWatches() {
	if s.opts.Engine != nil && !s.mayBeWatched() {
		return
	}
	watches := s.watches()
	if len(watches) == 0 {
		return
	}
	types := s.typesByInode()
	for i := range watches {
		if t, known := types[watches[i].inode]; known {
			s.found.Records.Add(record.Key{Type: t, Inode: watches[i].inode}, &watches[i].holder)
		}
	}
}

// watches reads what inotify and fanotify files watch.
func (s *scanner) watches() (all []watch) {
	var nsfs unix.Stat_t
	if len(s.found.Watchers) == 0 || unix.Stat("/proc/self/ns/net", &nsfs) != nil {
		return nil
	}
	most := map[bool]int{true: maxWatches, false: maxWatches} // users' leave room for root's
	for _, h := range s.found.Watchers {
		trusted := s.host.ProcessAuthority(h.PID).Trusted
		inodes, read, err := s.host.ReadWatches(trusted, h.PID, h.TID, int(h.FD), nsfs.Dev, most[trusted])
		most[trusted] -= read
		process, gone := s.host.ReadStat(h.PID.String())
		if host.IsGone(err) || gone != nil || h.Born != 0 && !process.IsOf(h.Born) {
			continue
		}
		if err != nil {
			s.found.Gaps = append(s.found.Gaps, ns.Gap{Sources: []string{"fd"}, Path: host.FDPath(h.PID, h.TID, int(h.FD)), Err: err})
		}
		slices.Sort(inodes)
		for _, inode := range slices.Compact(inodes) {
			all = append(all, watch{inode, h})
		}
	}
	return all
}

// mayBeWatched reports whether the kernel counts a reference that may be that of a watch,
// which saves reading the watches of the whole machine where that is known.
func (s *scanner) mayBeWatched() bool {
	if !slices.Equal(s.types, []ns.Type{ns.Net}) {
		return true // the kernel's count of other types is not known
	}
	return slices.ContainsFunc(s.found.Nets, func(k record.Net) bool {
		if s.found.Accounts == nil || k.Inode == s.initial[ns.Net] {
			return false
		}
		return k.Watched > 0 || k.Refs > s.found.Accounts[k.Inode].Direct+min(k.Opened, 1)
	})
}

// typesByInode returns the types of all namespaces that were found: their inodes are
// unique over all types (__ns_common_init, kernel/nscommon.c, 6.18).
func (s *scanner) typesByInode() map[uint64]ns.Type {
	types := map[uint64]ns.Type{}
	s.found.Records.Each(func(r *record.Record) { types[r.Inode] = r.Type })
	for _, k := range s.found.Nets {
		if k.Refs != 0 {
			types[k.Inode] = ns.Net
		}
	}
	return types
}
