// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package bpf

import (
	"math/bits"

	"github.com/nsinspect/nsinspect/internal/bpfreader"
	"github.com/nsinspect/nsinspect/internal/record"
)

// account collects what has a reference to each network namespace, each object once. It is for
// one goroutine at a time.
type account struct {
	pieces[entry]
	places []uint32                  // of the entries, from 1 on, by the hash of their objects; 0 where there is none
	sums   map[uint64]record.Account // what counts returned, until something is added
}

// entry is one thing that was seen.
type entry struct {
	object    bpfreader.Object
	namespace uint32
	direct    int32 // references of its own: one, and one of each connection that it has to accept; 0 of an nsfs file or a mount of one, all of which have one together
}

// task counts the struct nsproxy of a task, which is most often that of the task before it.
func (a *account) task(t *bpfreader.Task) {
	e := entry{t.NSProxy, t.NS[bpfreader.NSNet], 1}
	if t.NSProxy == 0 || a.n > 0 && *a.at(a.n - 1) == e {
		return
	}
	a.count(e)
}

// file counts an open file, a mapping or a file in flight, and what it keeps.
func (a *account) file(f *bpfreader.File) {
	object, beside := int32(1+f.Backlog), int32(1)
	if f.Kind == bpfreader.KindNSFS {
		object, beside = 0, 0
	}
	if f.Object != 0 {
		a.count(entry{f.Object, f.Namespace, object})
	}
	if f.Beside != 0 {
		a.count(entry{f.Beside, f.Namespace, beside})
	}
}

// count counts what may have been seen before. Of that with a backlog that counts: the peer of
// another one has none.
func (a *account) count(e entry) {
	if 2*a.n >= len(a.places) {
		a.grow()
	}
	place := a.place(&e)
	if *place == 0 {
		a.add(e)
		*place = uint32(a.n)
	} else if seen := a.at(int(*place - 1)); seen.direct < e.direct {
		seen.direct = e.direct
	} else {
		return
	}
	a.sums = nil
}

// place returns where the number of an entry is, or is to be.
func (a *account) place(e *entry) *uint32 {
	const golden = 0x9e3779b97f4a7c15 // Fibonacci hashing (Knuth, The Art of Computer Programming, 6.4)
	last := len(a.places) - 1         // a power of two less one
	at := int((uint64(e.object) ^ uint64(e.namespace)<<32) * golden >> (64 - bits.Len(uint(last))))
	for ; ; at = (at + 1) & last {
		place := &a.places[at]
		if *place == 0 {
			return place
		}
		if k := a.at(int(*place - 1)); k.object == e.object && k.namespace == e.namespace {
			return place
		}
	}
}

// grow makes room for more entries.
func (a *account) grow() {
	const first, factor = 1 << 10, 4
	a.places = make([]uint32, max(first, factor*len(a.places)))
	for i := range a.n {
		*a.place(a.at(i)) = uint32(i + 1)
	}
}

// counts returns what was counted, by inode of the namespace.
func (a *account) counts() map[uint64]record.Account {
	if a.sums != nil {
		return a.sums
	}
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
		if e.direct == 0 {
			counts[at].Files++
		} else {
			counts[at].Direct += int(e.direct)
		}
	}
	all := make(map[uint64]record.Account, len(counts))
	for namespace, at := range places {
		all[uint64(namespace)] = counts[at]
	}
	a.sums = all
	return all
}
