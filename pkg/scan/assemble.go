// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"context"
	"sort"
)

// take adds what a source found. It may be called from any goroutine.
func (s *scanner) take(f found) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.found.add(f)
}

// assemble puts everything seen of one namespace together.
func (s *scanner) assemble(ctx context.Context) []Namespace {
	index := map[key]int{}
	var all []Namespace
	last, lastAt := key{}, 0
	at := func(k key) int {
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
	var seen [][]*sighting
	s.found.sightings.each(func(f *sighting) {
		i := at(f.key)
		if i == len(seen) {
			seen = append(seen, nil)
		}
		seen[i] = append(seen[i], f)
	})
	for _, f := range s.found.names {
		n := &all[at(f.key)]
		n.Names = append(n.Names, f.Name)
	}
	for k, tasks := range s.found.tasks {
		all[at(k)].Threads = tasks
	}
	each(ctx, len(seen), func(i int) {
		holders := make([]Holder, len(seen[i]))
		for j, f := range seen[i] {
			holders[j] = f.holder()
		}
		sort.Sort(byHolder(holders))
		all[i].Holders = holders
	})
	return all
}
