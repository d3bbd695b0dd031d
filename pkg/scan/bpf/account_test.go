// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package bpf

import (
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/nsinspect/nsinspect/internal/bpfreader"
	"github.com/nsinspect/nsinspect/internal/record"
)

// Every object counts once in each namespace that it was seen in, with the largest backlog.
func TestAccountCounts(t *testing.T) {
	for _, objects := range []int{0, 1, 2, 300, 5000} {
		var a account
		seen := map[[2]uint64]entry{}
		for range 3 * objects {
			n := rand.IntN(objects)
			f := bpfreader.File{Kind: bpfreader.KindSocket, Object: 0xffff888000000000 + bpfreader.Object(64*n), Namespace: uint32(1 + n%7), Backlog: rand.IntN(3)}
			if n%5 == 0 {
				f.Kind, f.Backlog = bpfreader.KindNSFS, 0
			}
			if n%11 == 0 {
				f.Namespace += uint32(rand.IntN(2)) // an address that was reused
			}
			a.file(&f)
			key := [2]uint64{uint64(f.Object), uint64(f.Namespace)}
			direct := int32(1 + f.Backlog)
			if n%5 == 0 {
				direct = 0
			}
			seen[key] = entry{f.Object, f.Namespace, max(direct, seen[key].direct)}
		}
		want := map[uint64]record.Account{}
		for _, e := range seen {
			c := want[uint64(e.namespace)]
			if e.direct == 0 {
				c.Files++
			} else {
				c.Direct += int(e.direct)
			}
			want[uint64(e.namespace)] = c
		}
		if got := a.counts(); !maps.Equal(got, want) {
			t.Errorf("%d objects: got %v, want %v", objects, got, want)
		}
	}
}

func BenchmarkAccount(b *testing.B) {
	all := make([]entry, 40000)
	for i := range all {
		all[i] = entry{bpfreader.Object(0xffff888000000000 + uint64(rand.IntN(1<<22))*256), uint32(4026532000 + i%200), 0}
	}
	for b.Loop() {
		var a account
		for _, e := range all {
			a.count(e)
		}
		a.counts()
	}
}
