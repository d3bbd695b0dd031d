// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"context"
	"runtime"
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

// nameAll gives namespaces their names, of which there can be a hundred thousand as well.
func (s *scanner) nameAll(of func(record.Key) *ns.Namespace) {
	counts := map[record.Key]int{}
	for i := range s.found.Names {
		counts[s.found.Names[i].Key]++
	}
	for i := range s.found.Mounted {
		counts[s.found.Mounted[i].Key]++
	}
	add := func(k record.Key, name ns.Name) {
		n := of(k)
		if n.Names == nil {
			n.Names = make([]ns.Name, 0, counts[k])
		}
		n.Names = append(n.Names, name)
	}
	for i := range s.found.Names {
		add(s.found.Names[i].Key, s.found.Names[i].Name)
	}
	for i := range s.found.Mounted {
		add(s.found.Mounted[i].Key, s.found.Mounted[i].Name())
	}
	s.found.Names, s.found.Mounted = nil, nil
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
		i := at(f.Key())
		if i == len(counts) {
			counts = append(counts, 0)
		}
		counts[i]++
		places = append(places, int32(i))
	})
	s.nameAll(func(k record.Key) *ns.Namespace { return &all[at(k)] })
	const many = 1 << 16
	if len(places) > many {
		runtime.GC() // what the sources have left behind is as large as what comes now
	}
	for i, n := range counts {
		all[i].Holders = make([]ns.Holder, 0, n)
	}
	s.found.Records.Drain(func(f *record.Record) {
		n := &all[places[0]]
		n.Holders, places = append(n.Holders, f.Holder()), places[1:]
	})
	for k, tasks := range s.found.Threads {
		all[at(k)].Threads = tasks
	}
	pool.Each(ctx, len(counts), func(i int) { sort.Sort(ns.SortHolders(all[i].Holders)) })
	return all
}
