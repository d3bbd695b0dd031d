// SPDX-License-Identifier: Apache-2.0

package host

import (
	"errors"
	"sync"

	"github.com/nsinspect/nsinspect/internal/fd"
)

// files are the descriptors of a host, and who keeps them open.
type files struct {
	root, proc *fd.FD // proc is nil until it is opened

	mu     sync.Mutex
	users  int // calls of Retain that were not released yet
	closed bool
}

// Close releases the host's directories once nobody retains it. From then on its
// methods fail with os.ErrClosed. Any further call does nothing and returns nil.
func (h *Host) Close() error {
	f := &h.files
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	if f.users > 0 {
		return nil
	}
	return f.close()
}

// Retain keeps the host open until release is called, for a goroutine that may still
// read when the host's owner closes it. release must be called exactly once.
func (h *Host) Retain() (release func()) {
	f := &h.files
	f.mu.Lock()
	defer f.mu.Unlock()
	f.users++
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.users--
		if f.closed && f.users == 0 {
			_ = f.close() // of directories, which have nothing to write back
		}
	}
}

func (f *files) close() error {
	err := f.root.Close()
	if f.proc != nil {
		err = errors.Join(err, f.proc.Close())
	}
	return err
}
