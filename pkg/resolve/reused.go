// SPDX-License-Identifier: Apache-2.0

package resolve

import (
	"fmt"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// reusedBy returns an error for a symlink to /proc/PID that root made before a user's process
// got that PID, in a namespace that a user made: whoever takes the PID would give the name to
// a namespace of his own. It is nil for any other, and where that cannot be seen.
func reusedBy(h machine, n *ns.Namespace, name *ns.Name) error {
	pid := name.PID()
	if name.Kind != ns.NameSymlink || pid == 0 || name.Made.IsZero() || !name.Authority.Trusted || h.Recorded() {
		return nil
	}
	st, statErr := h.ReadStat(pid.String())
	boot, bootErr := h.BootTime()
	if statErr != nil || bootErr != nil || !boot.Add(st.Born()).After(name.Made.Add(ns.ClockSlack)) {
		return nil
	}
	maker, ok := h.NamespaceAuthority(fmt.Sprintf("/proc/%d/ns/%s", pid, n.Type))
	if !ok || maker.Trusted {
		return nil
	}
	return fmt.Errorf("%s was made before process %d was started, which has its PID from another one and is in a namespace that uid %d made: use pid:%d if that is meant",
		quoted(name.Path), pid, maker.UID, pid)
}
