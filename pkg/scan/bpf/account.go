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
	namespace uint32
	kind      entryKind
	object    bpfreader.Object
	backlog   int
}

type entryKind uint8

// What is counted in an account, each with its own field of record.Net.
const (
	entryProxy  entryKind = iota // a struct nsproxy, which tasks share
	entryFile                    // an open nsfs file, or a mount of one that only such files keep; all of them have one reference
	entryObject                  // a socket, tun file, file of /proc/PID/net or fsopen
)

// task counts what a task has, which is most often what the task before it has.
func (a *account) task(t *bpfreader.Task) {
	e := entry{t.NS[bpfreader.NSNet], entryProxy, t.NSProxy, 0}
	if t.NSProxy == 0 || len(a.entries) > 0 && a.entries[len(a.entries)-1] == e {
		return
	}
	a.entries = append(a.entries, e)
}

// file counts an open file, a mapping or a file in flight.
func (a *account) file(f *bpfreader.File) {
	kind := entryObject
	if f.Kind == bpfreader.KindNSFS {
		kind = entryFile
	}
	if f.Object != 0 {
		a.entries = append(a.entries, entry{f.Namespace, kind, f.Object, f.Backlog})
	}
	if f.Beside != 0 {
		a.entries = append(a.entries, entry{f.Namespace, kind, f.Beside, 0})
	}
}

// counts returns what was counted, each object once, by inode of the namespace.
func (a *account) counts() map[uint32]record.Account {
	slices.SortFunc(a.entries, func(x, y entry) int {
		return cmp.Or(cmp.Compare(x.namespace, y.namespace), cmp.Compare(x.kind, y.kind), cmp.Compare(x.object, y.object), cmp.Compare(y.backlog, x.backlog))
	})
	all := map[uint32]record.Account{}
	var last entry
	for i, e := range a.entries {
		if i > 0 && e.namespace == last.namespace && e.kind == last.kind && e.object == last.object {
			continue
		}
		last = e
		c := all[e.namespace]
		switch e.kind {
		case entryProxy:
			c.Direct++
		case entryFile:
			c.Files++
		case entryObject:
			c.Direct += 1 + e.backlog
		}
		all[e.namespace] = c
	}
	return all
}
