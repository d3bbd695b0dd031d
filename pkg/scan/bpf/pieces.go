// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package bpf

const (
	pieceBits = 9
	pieceLen  = 1 << pieceBits
)

// pieces is a list in pieces: none of what may be a hundred thousand is copied as it grows.
type pieces[T any] struct {
	all []*[pieceLen]T
	n   int
}

func (l *pieces[T]) at(i int) *T { return &l.all[i>>pieceBits][i&(pieceLen-1)] }

func (l *pieces[T]) add(e T) {
	if l.n>>pieceBits == len(l.all) {
		l.all = append(l.all, new([pieceLen]T))
	}
	*l.at(l.n) = e
	l.n++
}
