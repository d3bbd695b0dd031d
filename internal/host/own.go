// SPDX-License-Identifier: Apache-2.0

package host

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/kernel"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// Own returns the number of a task of the host in the PID namespace of this process,
// for system calls. It is false for a host whose procfs is of another PID namespace:
// there the same number means another task, or none.
func (h *Host) Own(id ns.TaskID) (kernel.TaskID, bool) {
	if !h.OwnTaskIDs() {
		return 0, false
	}
	return kernel.TaskID(id), true
}

// OwnTaskIDs reports whether the host's procfs is of the PID namespace that this
// process is in.
func (h *Host) OwnTaskIDs() bool {
	h.ownOnce.Do(func() { h.own = h.procfs && h.readOwnTaskIDs() })
	return h.own
}

// readOwnTaskIDs compares with the numbers of this process: NSpid in its status has
// one for each PID namespace from that of the procfs down to its own
// (fs/proc/array.c, task_state, 4.1), so that there is a single one where the two
// are the same. A procfs of a PID namespace that this process is not in has no self.
func (h *Host) readOwnTaskIDs() bool {
	fd, err := h.OpenProc("self/status", unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	status, err := readUpTo(fd, 0, 64<<10)
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(status)) {
		if numbers, ok := strings.CutPrefix(line, "NSpid:"); ok {
			return strings.TrimSpace(numbers) == strconv.Itoa(os.Getpid())
		}
	}
	return false
}
