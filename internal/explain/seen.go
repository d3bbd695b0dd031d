// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"hash/maphash"
	"slices"
)

// seen is a set of what there can be a hundred thousand of. It has no more of many than two
// hashes each, with seeds that nobody knows: no two have both in common.
type seen[T comparable] struct {
	few   []T
	many  map[[2]uint64]struct{}
	seeds [2]maphash.Seed
}

// add adds a value, and reports whether it was not there.
func (s *seen[T]) add(value T) bool {
	const most = 16
	if s.many == nil {
		if slices.Contains(s.few, value) {
			return false
		}
		if s.few = append(s.few, value); len(s.few) == most {
			s.many, s.seeds = map[[2]uint64]struct{}{}, [...]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}
			for _, v := range s.few {
				s.many[s.hashes(v)] = struct{}{}
			}
			s.few = nil
		}
		return true
	}
	before := len(s.many)
	s.many[s.hashes(value)] = struct{}{}
	return len(s.many) > before
}

func (s *seen[T]) hashes(value T) [2]uint64 {
	return [...]uint64{maphash.Comparable(s.seeds[0], value), maphash.Comparable(s.seeds[1], value)}
}
