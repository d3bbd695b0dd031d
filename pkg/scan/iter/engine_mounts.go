// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package iter

import (
	"errors"

	"github.com/nsinspect/nsinspect/pkg/scan"
)

// tree notes who has a detached mount.
func (f *finder) tree(file *File, h scan.Holder) {
	if _, known := f.trees[file.Mount]; !known {
		f.trees[file.Mount] = h
	}
}

// loneMounts tells of the mounts that no mount namespace has.
func (f *finder) loneMounts() error {
	found, err := steady(f.r.LoneMounts)
	for i := range found {
		mount := &found[i]
		h := scan.Holder{Kind: scan.KindMount, MountID: mount.Mount, Via: scan.ViaDetached}
		if mount.Flags&Unmounted != 0 {
			h.Via = scan.ViaUnmounted
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
	case errors.As(err, &scan.SinceError{}):
		return nil // the verdicts say so, as with the proc engine; the gap is that of mmap, of the same age
	}
	return err
}
