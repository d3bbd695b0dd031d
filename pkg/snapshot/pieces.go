// SPDX-License-Identifier: Apache-2.0

package snapshot

// pieces is a list that grows without being copied. A file does not have how long its lists
// are, and a slice of thousands of namespaces that grows takes several times its size.
type pieces[T any] struct {
	full [][]T
	last []T
	n    int // in full
}

// How many elements a piece has room for: each twice as many as that before it.
const (
	leastPiece = 16
	mostPiece  = 512
)

func (p *pieces[T]) add(value T) {
	if size := cap(p.last); len(p.last) == size {
		p.full, p.n = append(p.full, p.last), p.n+size
		p.last = make([]T, 0, min(max(2*size, leastPiece), mostPiece))
	}
	p.last = append(p.last, value)
}

func (p *pieces[T]) len() int { return p.n + len(p.last) }

// each calls f for every element, until that returns false.
func (p *pieces[T]) each(f func(*T) bool) {
	for _, one := range append(p.full, p.last) {
		for i := range one {
			if !f(&one[i]) {
				return
			}
		}
	}
}

// joined returns the list, and leaves it empty.
func (p *pieces[T]) joined() []T {
	all := make([]T, 0, p.len())
	for _, one := range append(p.full, p.last) {
		all = append(all, one...)
	}
	*p = pieces[T]{}
	return all
}
