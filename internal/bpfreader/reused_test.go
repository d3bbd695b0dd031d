// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package bpfreader

import (
	"errors"
	"testing"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/kernel"
	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/nstest"
)

// A walk goes on after the namespace where it stopped only if it is still that one, and not
// another that was made in its memory since: what is between them would be missing.
func TestReusedMemory(t *testing.T) {
	need.Root(t)
	t.Run("net", func(t *testing.T) {
		r := open(t, Options{Passes: Nets})
		goesOn(t, r, Nets, func(prog *ebpf.Program, other uint64) (scanWalkState, error) {
			var last scanNetRecord
			complete, err := r.walkNets(func(batch []scanNetRecord) error {
				if len(batch) > 0 { // else the batch before was full
					last = batch[len(batch)-1]
				}
				return nil
			})
			if err != nil || !complete {
				return scanWalkStateWALK_ABORTED, errors.Join(err, errMoved)
			}
			last.Cookie += other
			if !kernel.Running().AtLeast(5, 14) { // it has a cookie when somebody asks for it
				last.Inode += uint32(other)
			}
			var full [scanBatchSizeNET_BATCH]scanNetRecord
			full[len(full)-1] = last
			at := scanNetWalk{Last: last.Address}
			if err := errors.Join(writeVariable(r, scanVarNetBatch, &full), writeVariable(r, scanVarNetPos, &at)); err != nil {
				return 0, err
			}
			err = advance(r, prog, scanVarNetPos, &at)
			return scanWalkState(at.State), err
		})
	})
	t.Run("listed", func(t *testing.T) {
		if !HasLists() {
			return // there is no such walk
		}
		r := open(t, Options{Passes: Lists})
		goesOn(t, r, Lists, func(prog *ebpf.Program, other uint64) (scanWalkState, error) {
			all, complete, err := r.walkList(unix.CLONE_NEWNET)
			var at scanListedWalk
			if err = errors.Join(err, readVariable(r, scanVarListedPos, &at)); err != nil || !complete {
				return scanWalkStateWALK_ABORTED, errors.Join(err, errMoved)
			}
			var full [scanBatchSizeNET_BATCH]scanListedRecord
			full[len(full)-1].Id = all[len(all)-1].ID + other
			if err := errors.Join(writeVariable(r, scanVarListedBatch, &full), writeVariable(r, scanVarListedPos, &at)); err != nil {
				return 0, err
			}
			err = advance(r, prog, scanVarListedPos, &at)
			return scanWalkState(at.State), err
		})
	})
}

var errMoved = errors.New("the list changed")

// goesOn checks what a walk does after the last namespace of a list: nothing more is there,
// and where it has become another one the walk is aborted.
func goesOn(t *testing.T, r *Reader, p Pass, from func(prog *ebpf.Program, other uint64) (scanWalkState, error)) {
	t.Helper()
	for other, want := range []scanWalkState{scanWalkStateWALK_DONE, scanWalkStateWALK_ABORTED} {
		nstest.Eventually(t, func() string { // others make and end namespaces
			defer r.lock(p)()
			prog, err := r.program(p)
			if err != nil {
				return err.Error()
			}
			got, err := from(prog, uint64(other))
			switch {
			case err != nil:
				return err.Error()
			case got != want:
				return "the walk's state differs"
			}
			return ""
		})
	}
}
