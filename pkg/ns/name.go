// SPDX-License-Identifier: Apache-2.0

package ns

import (
	"path"
	"strings"
	"time"
)

// ClockSlack is what lies between a symlink's time and a process's start that are
// one: the first is of the wall clock at that time, the second is counted from
// when the machine booted by the clock of now.
const ClockSlack = 2 * time.Second

// PID returns the process that a symlink names, 0 if the name does not lead into
// /proc/PID.
func (n *Name) PID() TaskID { return PIDOf(n.Path, n.Target) }

// PIDOf returns the PID that the target of a symlink at a path names, 0 if it
// does not lead into /proc/PID.
func PIDOf(name, target string) TaskID {
	if target == "" {
		return 0
	}
	if !path.IsAbs(target) {
		target = path.Join(path.Dir(name), target)
	}
	rest, ok := strings.CutPrefix(path.Clean(target), "/proc/")
	if !ok {
		return 0
	}
	text, _, _ := strings.Cut(rest, "/")
	pid, _ := ParseTaskID(text)
	return pid
}
