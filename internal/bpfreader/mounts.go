// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package bpfreader

import "fmt"

// DetachedMounts calls fn with every mount of a namespace that is in no mount namespace:
// below a detached mount, or unmounted with one and still in use. Files and InFlight
// report the files that are the detached mount, by its ID. The File is valid until fn
// returns.
func (r *Reader) DetachedMounts(fn func(*File)) (Totals, error) {
	totals, err := r.detachedMounts(fn)
	if err != nil {
		return totals, fmt.Errorf("read detached mounts: %w", err)
	}
	return totals, nil
}

func (r *Reader) detachedMounts(fn func(*File)) (Totals, error) {
	defer r.lock(DetachedMounts)()
	prog, err := r.program(DetachedMounts)
	if err != nil {
		return Totals{}, err
	}
	if err := r.begin(DetachedMounts); err != nil {
		return Totals{}, err
	}
	var at scanMountWalk
	if err := advance(r, prog, scanVarMountPos, &at); err != nil {
		return Totals{}, err
	}
	batch, err := r.fileBatch(at.Count)
	if err != nil {
		return Totals{}, err
	}
	for i := range batch {
		var f File
		f.set(&batch[i])
		f.Tree = int(batch[i].Location)
		fn(&f)
	}
	if scanWalkState(at.State) != scanWalkStateWALK_DONE {
		return Totals{Records: uint64(at.Count)}, fmt.Errorf("%w: too many mounts", ErrIncomplete)
	}
	return r.finish(DetachedMounts, uint64(len(batch)), 0)
}
