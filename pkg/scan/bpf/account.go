// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package bpf

import (
	"math/bits"

	"github.com/nsinspect/nsinspect/internal/bpfreader"
	"github.com/nsinspect/nsinspect/internal/record"
)

// account collects what has a reference to each network namespace. It is for one
// goroutine at a time.
type account struct {
	pieces[entry]
	counted int                       // entries, at the last call of counts
	sums    map[uint64]record.Account // what it returned
}

// entry is one thing that was seen, which may be seen again.
type entry struct {
	object    bpfreader.Object
	namespace uint32
	shared    bool // an nsfs file, or a mount of one: all of them have one reference
	backlog   int  // connections that it has to accept, with a reference each
}

// task counts the struct nsproxy of a task, which is most often that of the task before it.
func (a *account) task(t *bpfreader.Task) {
	e := entry{object: t.NSProxy, namespace: t.NS[bpfreader.NSNet]}
	if t.NSProxy == 0 || a.n > 0 && *a.at(a.n - 1) == e {
		return
	}
	a.add(e)
}

// file counts an open file, a mapping or a file in flight, and what it keeps.
func (a *account) file(f *bpfreader.File) {
	shared := f.Kind == bpfreader.KindNSFS
	if f.Object != 0 {
		a.add(entry{f.Object, f.Namespace, shared, f.Backlog})
	}
	if f.Beside != 0 {
		a.add(entry{f.Beside, f.Namespace, shared, 0})
	}
}

// counts returns what was counted, each object once, by inode of the namespace.
func (a *account) counts() map[uint64]record.Account {
	if a.sums != nil && a.counted == a.n {
		return a.sums
	}
	a.unify()
	places := map[uint32]int{}
	var counts []record.Account
	at := 0 // of the namespace of the entry before
	for i := range a.n {
		e := a.at(i)
		if i == 0 || e.namespace != a.at(i-1).namespace {
			var known bool
			if at, known = places[e.namespace]; !known {
				at = len(counts)
				places[e.namespace] = at
				counts = append(counts, record.Account{})
			}
		}
		if e.shared {
			counts[at].Files++
		} else {
			counts[at].Direct += 1 + e.backlog
		}
	}
	all := make(map[uint64]record.Account, len(counts))
	for namespace, at := range places {
		all[uint64(namespace)] = counts[at]
	}
	a.counted, a.sums = a.n, all
	return all
}

// unify leaves one of the entries of an object: that with a backlog, as the peer of another
// one has none. It hashes them, which takes a fraction of the time of sorting.
func (a *account) unify() {
	const golden = 0x9e3779b97f4a7c15 // Fibonacci hashing (Knuth, The Art of Computer Programming, 6.4)
	width := bits.Len(uint(2 * a.n))
	places := make([]uint32, 1<<width) // of an entry in kept, from 1; 0 if there is none
	kept := 0
	for i := range a.n {
		e := *a.at(i)
		at := (uint64(e.object) ^ uint64(e.namespace)<<32) * golden >> (64 - width)
		for ; ; at = (at + 1) & (1<<width - 1) {
			if places[at] == 0 {
				*a.at(kept) = e
				kept++
				places[at] = uint32(kept)
				break
			}
			if k := a.at(int(places[at] - 1)); k.object == e.object && k.namespace == e.namespace {
				k.backlog = max(k.backlog, e.backlog)
				break
			}
		}
	}
	a.n = kept
}
