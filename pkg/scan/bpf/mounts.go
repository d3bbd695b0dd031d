// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package bpf

import (
	"errors"

	"github.com/nsinspect/nsinspect/internal/bpfreader"
	"github.com/nsinspect/nsinspect/internal/kernel"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// tree records the file that is a detached mount.
func (f *finder) tree(file *bpfreader.File, h ns.Holder) {
	if _, known := f.trees[file.Mount]; !known {
		f.trees[file.Mount] = h
	}
}

// detachedMounts reports the mounts that are in no mount namespace.
func (f *finder) detachedMounts() error {
	found, err := retry(f.r.DetachedMounts)
	for i := range found {
		mount := &found[i]
		h := ns.Holder{Kind: ns.KindMount, MountID: int32(mount.Mount), Via: ns.ViaDetached}
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
		return nil // as with the proc engine; mmap, which needs the same kernel, has a gap
	}
	return err
}
