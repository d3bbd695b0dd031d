// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"context"
	"sort"

	"github.com/nsinspect/nsinspect/internal/pool"
	"github.com/nsinspect/nsinspect/internal/record"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// take adds what a source found. It may be called from any goroutine.
func (s *scanner) take(f record.Found) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.found.Add(f)
}

// assemble puts everything seen of one namespace together, and lets the records go.
func (s *scanner) assemble(ctx context.Context) []ns.Namespace {
	index := map[record.Key]int{}
	var all []ns.Namespace
	last, lastAt := record.Key{}, 0
	at := func(k record.Key) int {
		if k == last { // what comes together mostly belongs together
			return lastAt
		}
		i, ok := index[k]
		if !ok {
			i = len(all)
			index[k] = i
			all = append(all, s.newNamespace(k))
		}
		last, lastAt = k, i
		return i
	}
	var counts []int32
	places := make([]int32, 0, s.found.Records.Len())
	s.highestPID = 0
	s.found.Records.Each(func(f *record.Record) {
		s.highestPID = max(s.highestPID, f.PID())
		i := at(f.Key)
		if i == len(counts) {
			counts = append(counts, 0)
		}
		counts[i]++
		places = append(places, int32(i))
	})
	for i, n := range counts {
		all[i].Holders = make([]ns.Holder, 0, n)
	}
	s.found.Records.Drain(func(f *record.Record) {
		n := &all[places[0]]
		n.Holders, places = append(n.Holders, f.Holder()), places[1:]
	})
	for _, f := range s.found.Names {
		n := &all[at(f.Key)]
		n.Names = append(n.Names, f.Name)
	}
	for k, tasks := range s.found.Threads {
		all[at(k)].Threads = tasks
	}
	pool.Each(ctx, len(counts), func(i int) { sort.Sort(ns.SortHolders(all[i].Holders)) })
	return all
}
