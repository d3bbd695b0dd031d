// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
)

// evaluate finds the groups of a series that grow.
//
// A namespace is leaked if it is in every snapshot since its first, and longer than any of
// its group that has gone was there: a program whose namespaces come and go has some at any
// time, the youngest of which did not yet go. And a group grows if it has more members in
// all of the last quarter of the time than in any of the first one.
func (t *Tracker) evaluate(s *series) Series {
	times := slices.Sorted(maps.Keys(s.taken))
	at := make(map[int64]int, len(times))
	for i, when := range times {
		at[when] = i
	}
	last := len(times) - 1
	longest := map[int32]time.Duration{} // that one that has gone was there, by group
	stays := func(o *orphan) bool { return at[o.last] == last && int(o.seen) == last-at[o.first]+1 }
	for _, o := range s.orphans {
		if !stays(o) {
			longest[o.group] = max(longest[o.group], s.most(times, at, o))
		}
	}
	members, steps := map[int32][]leaked{}, map[int32][]step{}
	for k, o := range s.orphans {
		steps[o.group] = append(steps[o.group], step{at[o.first], 1}, step{at[o.last] + 1, -1})
		if stays(o) && time.Duration(o.last-o.first) >= longest[o.group] {
			members[o.group] = append(members[o.group], leaked{o, k.cookie, at[o.first]})
		}
	}
	out := Series{Machine: s.machine, Snapshots: len(times), First: time.Unix(0, times[0]).UTC(), Last: time.Unix(0, times[last]).UTC()}
	for group, some := range members {
		if l, often := s.leak(times, some); often && rises(steps[group], len(times)) {
			l.Group = t.groups[group]
			out.Leaks = append(out.Leaks, l)
		}
	}
	slices.SortFunc(out.Leaks, func(a, b Leak) int {
		return cmp.Or(-cmp.Compare(a.Grown, b.Grown), cmp.Compare(a.Type, b.Type), strings.Compare(a.Runtime, b.Runtime),
			strings.Compare(a.Names, b.Names), cmp.Compare(a.Creator, b.Creator))
	})
	return out
}

// step is by how much a group has more members in a snapshot than in the one before.
type step struct{ at, by int }

// rises reports whether a group has more members in each of the last quarter of so many
// snapshots than in any of the first.
func rises(steps []step, snapshots int) bool {
	counts := make([]int, snapshots+1)
	for _, s := range steps {
		counts[s.at] += s.by
	}
	for i := 1; i < snapshots; i++ {
		counts[i] += counts[i-1]
	}
	quarter := max(snapshots/4, 1)
	return slices.Min(counts[snapshots-quarter:snapshots]) > slices.Max(counts[:quarter])
}

// most returns how long a namespace that has gone may have been there: from the last
// snapshot without it to the next one.
func (s *series) most(times []int64, at map[int64]int, o *orphan) time.Duration {
	first, last := at[o.first], at[o.last]
	from, to := times[max(first-1, 0)], times[min(last+1, len(times)-1)]
	return time.Duration(to - from)
}

// leaked is a namespace that stays.
type leaked struct {
	*orphan
	cookie uint64
	at     int // in which snapshot it was first
}

// leak describes the leaked namespaces of a group, and reports whether it grew often enough.
func (s *series) leak(times []int64, all []leaked) (l Leak, often bool) {
	slices.SortFunc(all, func(a, b leaked) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.cookie, b.cookie), cmp.Compare(a.inode, b.inode))
	})
	growths := 0
	for i := range all {
		at := all[i].at
		if at == 0 {
			continue
		}
		l.Grown++
		if i == 0 || all[i-1].at != at {
			growths++
			l.Last = Growth{Before: s.taken[times[at-1]], After: s.taken[times[at]], Taken: time.Unix(0, times[at]).UTC()}
		}
		if l.Last.Count++; growths == 1 {
			l.First = l.Last
		}
	}
	oldest, newest := all[0], all[len(all)-1]
	l.Count, l.FirstSeen = len(all), time.Unix(0, oldest.first).UTC()
	l.Oldest, l.Newest = Member{oldest.inode, oldest.cookie, oldest.name}, Member{newest.inode, newest.cookie, newest.name}
	if hours := time.Duration(times[len(times)-1] - times[0]).Hours(); hours > 0 {
		l.PerHour = float64(l.Grown) / hours
	}
	return l, growths >= LeastGrowths
}
