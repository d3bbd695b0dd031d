// SPDX-License-Identifier: Apache-2.0

package host

import (
	"strings"

	"github.com/nsinspect/nsinspect/internal/kernel"
)

// Kernel returns the release of the host's kernel, as uname -r prints it; "" if a
// recorded tree does not have it.
func (h *Host) Kernel() string {
	if !h.live {
		release, err := h.ReadFile("/proc/sys/kernel/osrelease")
		if err != nil {
			return "" // a recorded tree need not have it
		}
		return strings.TrimSpace(release)
	}
	return kernel.ReleaseName()
}
