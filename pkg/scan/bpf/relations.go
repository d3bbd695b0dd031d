// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package bpf

import (
	"slices"

	"github.com/nsinspect/nsinspect/internal/bpfreader"
	"github.com/nsinspect/nsinspect/internal/record"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// needsRelations reports whether a scan of these types has to know owners and parents.
func needsRelations(types []ns.Type) bool {
	return slices.Contains(types, ns.User) || slices.Contains(types, ns.PID)
}

// relate loads the programs that record relations, which few scans need, in place of those
// that do not.
func (e *engine) relate() error {
	if e.related {
		return nil
	}
	r, err := bpfreader.Open(bpfreader.Options{Account: true, Relations: true})
	if err != nil {
		return err
	}
	e.r.Close()
	e.r, e.related = r, true
	return nil
}

// Relations implements scan.Engine.
func (e *engine) Relations(sink *record.Sink) {
	all, err := e.r.Relations()
	for _, r := range all {
		t, ok := ns.TypeOfFlag(int(r.Type))
		if !ok {
			continue
		}
		related := record.Relation{Key: record.Key{Type: t, Inode: uint64(r.Inode)}, Owner: uint64(r.Owner), Parent: uint64(r.Parent), UID: -1}
		if t == ns.User {
			related.UID = int(r.UID)
		}
		sink.Relation(related)
	}
	took(sink, "child", err)
}
