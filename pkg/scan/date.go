// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// setAge dates a namespace by its names and processes, and by the kernel's own
// file of it, open at fd (-1 if none is).
func setAge(n *ns.Namespace, fd int, taken, boot time.Time) {
	if n.Initial {
		n.Age.Add(boot, ns.FromBoot)
		return
	}
	if n.Leader != nil {
		n.Age.Add(n.Leader.Started, ns.FromProcess)
	}
	for i := range n.Names {
		if name := &n.Names[i]; name.Kind == ns.NameMount {
			n.Age.Add(name.Made, ns.FromName)
		}
	}
	var st unix.Stat_t
	if fd < 0 || unix.Fstat(fd, &st) != nil {
		return
	}
	// There is one nsfs inode of a namespace for as long as it is open or mounted
	// anywhere (fs/nsfs.c, path_from_stashed, 6.18; __ns_get_path before). If that
	// was nowhere, our own opening has just made it.
	const tick = 20 * time.Millisecond // how far the clock of inodes lags behind
	from := ns.FromFile
	if n.Count(ns.KindMount) > 0 {
		from = ns.FromName
	} else if !slices.ContainsFunc(n.Holders, isFile) && !host.ChangeTime(&st).Before(taken.Add(-tick)) {
		return
	}
	n.Age.Add(host.ChangeTime(&st), from)
}

// isFile reports whether a holder keeps the namespace's own file. A watch keeps an inode of it,
// but not the dentry: the next one to open it gets another inode.
func isFile(h ns.Holder) bool {
	return h.Kind == ns.KindFD && !h.Watches() && h.Via != ns.ViaProcNet && h.Via != ns.ViaFSContext && h.Via != ns.ViaBPFIter
}
