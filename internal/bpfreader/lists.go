// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package bpfreader

import (
	"fmt"

	"github.com/nsinspect/nsinspect/internal/kernel"
)

// Listed is one namespace on the kernel's list of its type.
type Listed struct {
	Inode uint32
	ID    uint64 // never reused in one boot; of a network namespace its cookie
	Refs  int    // 0: dying
}

// HasLists reports whether this kernel has a list of namespaces of every type.
func HasLists() bool { return kernel.Running().AtLeast(6, 18) }

// List returns every namespace of a type, which is given by its CLONE_NEW* flag, in the
// kernel's order: the initial one first, then by ID. It includes those that no file refers to.
func (r *Reader) List(flag uint32) ([]Listed, error) {
	defer r.lock(Lists)()
	if !HasLists() {
		return nil, fmt.Errorf("read the lists of namespaces: %w", kernel.SinceError{Major: 6, Minor: 18})
	}
	for range restarts {
		all, complete, err := r.walkList(flag)
		if err != nil {
			return nil, fmt.Errorf("read the lists of namespaces: %w", err)
		}
		if complete {
			return all, nil
		}
	}
	return nil, fmt.Errorf("read the lists of namespaces: %w: one changed too fast, %d times", ErrIncomplete, restarts)
}

// walkList returns a list, and whether the walk reached its end.
func (r *Reader) walkList(flag uint32) (all []Listed, complete bool, err error) {
	prog, err := r.program(Lists)
	if err != nil {
		return nil, false, err
	}
	if err := writeVariable(r, scanVarListedPos, &scanListedWalk{Type: flag}); err != nil {
		return nil, false, err
	}
	var batch [scanBatchSizeNET_BATCH]scanListedRecord
	for {
		var at scanListedWalk
		if err := advance(r, prog, scanVarListedPos, &at); err != nil {
			return nil, false, err
		}
		got := batch[:min(at.Count, uint32(len(batch)))]
		if err := readArray(r, scanVarListedBatch, got); err != nil {
			return nil, false, err
		}
		for i := range got {
			all = append(all, Listed{Inode: got[i].Inode, ID: got[i].Id, Refs: int(got[i].Refs)})
		}
		if state := scanWalkState(at.State); state != scanWalkStateWALK_CONTINUE {
			return all, state == scanWalkStateWALK_DONE, nil
		}
	}
}
