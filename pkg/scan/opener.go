// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"golang.org/x/sys/unix"
)

// Opener opens the namespaces of a snapshot by their holders' files. Open may be
// called by several goroutines at once, as long as the host is open.
type Opener struct{ identifier }

// NewOpener returns an opener for namespaces that were found on a host.
func NewOpener(h *Host) *Opener {
	return &Opener{*newIdentifier(h, false)}
}

// Open returns a descriptor of a namespace's file, opened for reading and closed
// on exec. It is of that namespace and no other that has its inode by now, as
// far as the kernel tells before it is entered: from Linux 6.18 on by the cookie,
// if n has one, before that by the inode alone. Holders' files are tried first,
// as those of another user's processes need CAP_SYS_PTRACE; from 6.18 on a
// network namespace that no path leads to is opened by its cookie, which needs
// CAP_SYS_ADMIN over it. It never blocks.
func (o *Opener) Open(n *Namespace) (int, error) { return o.open(n) }

func (o *Opener) openAt(n *Namespace, file string) (int, error) {
	fd, err := o.host.openFollow(file)
	if err != nil {
		return -1, err
	}
	defer unix.Close(fd)
	return verify(n, fd)
}
