// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package bpfreader

import "fmt"

// LoneMounts hands every mount of a namespace to fn that is in no mount namespace:
// below a detached mount, or unmounted with one and still in use. Files and
// InFlight tell who has the detached mount, by its ID. The File is fn's until it
// returns.
func (r *Reader) LoneMounts(fn func(*File)) (Totals, error) {
	totals, err := r.loneMounts(fn)
	if err != nil {
		return totals, fmt.Errorf("read detached mounts: %w", err)
	}
	return totals, nil
}

func (r *Reader) loneMounts(fn func(*File)) (Totals, error) {
	defer r.lock(LoneMounts)()
	prog, err := r.program(LoneMounts)
	if err != nil {
		return Totals{}, err
	}
	if err := r.begin(LoneMounts); err != nil {
		return Totals{}, err
	}
	if err := run(prog); err != nil {
		return Totals{}, err
	}
	var at scanMountWalk
	if err := fetch(r, scanVarMountAt, &at); err != nil {
		return Totals{}, err
	}
	batch, err := r.queued(at.Count)
	if err != nil {
		return Totals{}, err
	}
	for i := range batch {
		var f File
		f.set(&batch[i])
		f.Tree = int(batch[i].At)
		fn(&f)
	}
	if scanWalkState(at.State) != scanWalkStateWALK_DONE {
		return Totals{Records: uint64(at.Count)}, fmt.Errorf("%w: more mounts than one run can follow", ErrIncomplete)
	}
	return r.finish(LoneMounts, uint64(len(batch)), 0)
}
