// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// SinceBoot returns the time since boot as the kernel counts it, in BPF programs and perf
// events. CLOCK_BOOTTIME is that of the caller's time namespace, which may be ahead of it or
// behind (kernel/time/namespace.c, 5.6).
func SinceBoot() time.Duration { return BootTime() - BootOffset() }

// BootTime returns CLOCK_BOOTTIME, by which /proc has the start times of processes
// (fs/proc/array.c, do_task_stat, 6.18).
func BootTime() time.Duration {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts) // cannot fail: there since Linux 2.6.39
	return time.Duration(ts.Nano())
}

// BootOffset returns how far the CLOCK_BOOTTIME of this process, by which /proc has the start
// times of processes, is ahead of the kernel's own. The file has the
// offsets of the namespace that children are created in, and is believed only if that is
// the process's own (kernel/time/namespace.c, proc_timens_show_offsets, 6.18).
func BootOffset() time.Duration {
	own, err := os.Readlink("/proc/self/ns/time")
	if err != nil {
		return 0 // there are no time namespaces
	}
	if childs, err := os.Readlink("/proc/self/ns/time_for_children"); err != nil || childs != own {
		return 0
	}
	text, err := os.ReadFile("/proc/self/timens_offsets")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line) // "boottime SECONDS NANOSECONDS"
		if len(fields) != 3 || fields[0] != "boottime" {
			continue
		}
		seconds, secondsErr := strconv.ParseInt(fields[1], 10, 64)
		ns, nsErr := strconv.ParseInt(fields[2], 10, 64)
		if secondsErr == nil && nsErr == nil {
			return time.Duration(seconds)*time.Second + time.Duration(ns)
		}
	}
	return 0
}
