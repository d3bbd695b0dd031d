// SPDX-License-Identifier: Apache-2.0

package procscan

import (
	"path"
	"strconv"
	"strings"
)

// firstDynamic is the lowest inode of what is registered in procfs (PROC_DYNAMIC_FIRST,
// fs/proc/generic.c), as files of /proc/PID/net are, those of processes not.
const firstDynamic = 0xf0000000

// netName returns the name of a file of /proc/PID/net from the text of a link to it, ""
// if that is another file or one of a directory below. The text ends with " (deleted)"
// once somebody has looked the file up again (proc_net_d_revalidate, fs/proc/proc_net.c).
func netName(link string) string {
	dir, name := path.Split(strings.TrimSuffix(link, " (deleted)"))
	task, isNet := strings.CutSuffix(dir, "/net/")
	if _, err := strconv.ParseUint(path.Base(task), 10, 32); err != nil || !isNet {
		return ""
	}
	return name
}
