// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package bpf

import (
	"errors"

	"github.com/nsinspect/nsinspect/internal/bpfreader"
	"github.com/nsinspect/nsinspect/internal/kernel"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// tree notes who has a detached mount.
func (f *finder) tree(file *bpfreader.File, h ns.Holder) {
	if _, known := f.trees[file.Mount]; !known {
		f.trees[file.Mount] = h
	}
}

// loneMounts tells of the mounts that no mount namespace has.
func (f *finder) loneMounts() error {
	found, err := steady(f.r.LoneMounts)
	for i := range found {
		mount := &found[i]
		h := ns.Holder{Kind: ns.KindMount, MountID: mount.Mount, Via: ns.ViaDetached}
		if mount.Flags&bpfreader.Unmounted != 0 {
			h.Via = ns.ViaUnmounted
		} else if pin, ok := f.trees[mount.Tree]; ok {
			h.Pin = &pin
		}
		if typ, wanted := f.byFlag[mount.Type]; wanted {
			f.sink.Holder(typ, uint64(mount.Namespace), h)
		} else {
			f.sink.Pin(uint64(mount.Namespace), h)
		}
	}
	switch {
	case err == nil:
		f.sink.LoneMounts()
	case errors.As(err, &kernel.SinceError{}):
		return nil // the verdicts say so, as with the proc engine; the gap is that of mmap, of the same age
	}
	return err
}
