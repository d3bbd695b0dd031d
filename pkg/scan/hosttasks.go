// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"strconv"

	"golang.org/x/sys/unix"
)

// threads lists the threads of a process, its first among them. buf is what the
// kernel's listing is read into.
func (h *Host) threads(pid int, buf []byte) ([]int, error) {
	fd, err := h.openProc(strconv.Itoa(pid)+"/task", unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	var tids []int
	for {
		n, err := unix.Getdents(fd, buf)
		if err != nil || n == 0 {
			return tids, err
		}
		tids = numericEntries(tids, buf[:n], unix.DT_DIR)
	}
}
