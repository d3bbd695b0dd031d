// SPDX-License-Identifier: Apache-2.0

package host

import (
	"errors"

	"github.com/nsinspect/nsinspect/internal/fd"
)

// files are the descriptors of a host.
type files struct {
	root, proc *fd.FD // proc is nil until it is opened
}

// Close releases the host's directories and ends its helpers. From then on its methods fail
// with os.ErrClosed. Any further call does nothing and returns nil.
func (h *Host) Close() error {
	h.helpers.close()
	err := errors.Join(h.mounts.close(), h.files.root.Close())
	if h.files.proc != nil {
		err = errors.Join(err, h.files.proc.Close())
	}
	return err
}
