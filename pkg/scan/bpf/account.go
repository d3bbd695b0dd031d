// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package bpf

import (
	"cmp"
	"slices"

	"github.com/nsinspect/nsinspect/internal/bpfreader"
	"github.com/nsinspect/nsinspect/internal/record"
)

// account collects what has a reference to each network namespace. It is for one
// goroutine at a time.
type account struct {
	entries []entry
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
	if t.NSProxy == 0 || len(a.entries) > 0 && a.entries[len(a.entries)-1] == e {
		return
	}
	a.entries = append(a.entries, e)
}

// file counts an open file, a mapping or a file in flight, and what it keeps.
func (a *account) file(f *bpfreader.File) {
	shared := f.Kind == bpfreader.KindNSFS
	if f.Object != 0 {
		a.entries = append(a.entries, entry{f.Object, f.Namespace, shared, f.Backlog})
	}
	if f.Beside != 0 {
		a.entries = append(a.entries, entry{f.Beside, f.Namespace, shared, 0})
	}
}

// counts returns what was counted, each object once, by inode of the namespace.
func (a *account) counts() map[uint64]record.Account {
	slices.SortFunc(a.entries, func(x, y entry) int {
		switch {
		case x.object != y.object:
			return cmp.Compare(x.object, y.object)
		case x.namespace != y.namespace:
			return cmp.Compare(x.namespace, y.namespace)
		}
		return cmp.Compare(y.backlog, x.backlog) // the peer of another one has none
	})
	all := map[uint64]record.Account{}
	for i, e := range a.entries {
		if i > 0 && e.object == a.entries[i-1].object && e.namespace == a.entries[i-1].namespace {
			continue
		}
		c := all[uint64(e.namespace)]
		if e.shared {
			c.Files++
		} else {
			c.Direct += 1 + e.backlog
		}
		all[uint64(e.namespace)] = c
	}
	return all
}
