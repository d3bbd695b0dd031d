// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// visitMountNS notes who is in which mount namespace. A link that is refused is
// a gap already if it is so for the process's other namespaces.
func visitMountNS(w *worker, v *visit) {
	w.readOwn(v)
	if v.shut {
		return
	}
	inode := v.own[Mnt]
	if inode == 0 && !w.wants(Mnt) {
		var errno unix.Errno
		if inode, errno = w.readLink(Mnt, v.pid, "/ns/mnt"); errno != 0 && !ended(errno) && !w.gone(v.pid) {
			w.gap("mount", fmt.Sprintf("/proc/%d/ns/mnt", v.pid), errno)
		}
	}
	if inode != 0 {
		w.seers[inode] = append(w.seers[inode], v.pid)
	}
	if len(v.tids) > 0 {
		w.threaded = append(w.threaded, v.pid)
	}
}
