// SPDX-License-Identifier: Apache-2.0

package host

import (
	"strings"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// Machine returns what identifies the host: its name, machine ID and boot ID, each ""
// if its file is unreadable. A recorded tree need not have any.
func (h *Host) Machine() ns.Machine {
	return ns.Machine{
		Host:      h.firstLine("/proc/sys/kernel/hostname"),
		MachineID: h.firstLine("/etc/machine-id"),
		BootID:    h.firstLine("/proc/sys/kernel/random/boot_id"),
	}
}

// firstLine returns the first line of a short file of the host, "" if that is
// unreadable or not one line of text.
func (h *Host) firstLine(name string) string {
	const most = 256
	f, err := h.OpenRegular(name)
	if err != nil {
		return ""
	}
	defer f.Close()
	buf := make([]byte, most)
	n, err := f.Read(buf)
	if err != nil || n == most {
		return ""
	}
	line, _, _ := strings.Cut(string(buf[:n]), "\n")
	return line
}
