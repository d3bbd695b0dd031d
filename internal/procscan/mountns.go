// SPDX-License-Identifier: Apache-2.0

package procscan

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// MountNamespaces records the mount namespace of a process. A link that is refused is
// a gap already if it is so for the process's other namespaces.
func MountNamespaces(w *Worker, v *Process) {
	w.readOwn(v)
	if v.denied {
		return
	}
	inode := v.own[ns.Mnt]
	if inode == 0 && !w.wants(ns.Mnt) {
		var errno unix.Errno
		if inode, errno = w.readLink(ns.Mnt, v.pid, "/ns/mnt"); errno != 0 && !ended(errno) && !w.gone(v.pid) {
			w.gap("mount", fmt.Sprintf("/proc/%d/ns/mnt", v.pid), errno)
		}
	}
	if inode != 0 {
		w.Members[inode] = append(w.Members[inode], v.pid)
	}
	if len(v.tids) > 0 {
		w.Threaded = append(w.Threaded, v.pid)
	}
}
