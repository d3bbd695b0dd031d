// SPDX-License-Identifier: Apache-2.0

package host

import (
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// OutlivesTerm reports whether SIGTERM does not end a process: it ignores the signal, as an
// interactive shell does, or is the first of a PID namespace and does not catch it
// (kernel/signal.c, sig_task_ignored, 6.18). It is false where that cannot be read.
func (h *Host) OutlivesTerm(pid ns.TaskID) bool {
	text, err := h.ReadProc(pid, "status", 64<<10)
	if err != nil {
		return false
	}
	first, caught := false, false
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, ":")
		switch value = strings.TrimSpace(value); name {
		case "NSpid": // in each PID namespace that it is in, the innermost last
			all := strings.Fields(value)
			first = len(all) > 1 && all[len(all)-1] == "1"
		case "SigIgn":
			if hasTerm(value) {
				return true
			}
		case "SigCgt":
			caught = hasTerm(value)
		}
	}
	return first && !caught
}

// hasTerm reports whether a set of signals in a status file has SIGTERM.
func hasTerm(set string) bool {
	bits, err := strconv.ParseUint(set, 16, 64)
	return err == nil && bits&(1<<(unix.SIGTERM-1)) != 0
}
