// SPDX-License-Identifier: Apache-2.0

package ns

import "strconv"

// TaskID is the number of a process or thread as the procfs that was read has it:
// in the PID namespace which that was mounted for. System calls take the numbers of
// the caller's own PID namespace, which are another type (internal/kernel, TaskID).
type TaskID int32

// String returns the number in decimal.
func (t TaskID) String() string { return strconv.Itoa(int(t)) }

// ParseTaskID returns the number that a text is in decimal; ok is false if that is none which
// the kernel gives to a task.
func ParseTaskID(text string) (t TaskID, ok bool) {
	n, err := strconv.ParseUint(text, 10, 31)
	return TaskID(n), err == nil && n > 0
}
