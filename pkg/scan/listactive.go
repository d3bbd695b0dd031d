// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/nsfs"
	"github.com/nsinspect/nsinspect/internal/record"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// ErrActiveOnly is the gap of the source kernel where listns(2) stands in for the
// bpf engine: it lists no namespace that no process is in and no namespace file
// refers to.
var ErrActiveOnly = errors.New("namespaces that sockets, packet rings or /proc/net files alone keep are not listed")

// listActive takes the kernel's list of network namespaces, as far as listns(2)
// has them, where no engine reads the whole one. It returns the gap that is left.
// It needs CAP_SYS_ADMIN in the user namespace that owns each (kernel/nstree.c,
// may_list_ns, 6.19). The list is read after everything else, so that what is on
// it and was not seen cannot be older than what was looked at.
func (s *scanner) listActive(context.Context) (out record.Found, err error) {
	if s.host.Recorded() || !slices.Contains(s.types, ns.Net) {
		return out, ErrNotInProc
	}
	ids, err := nsfs.ListActive()
	if errors.Is(err, unix.ENOSYS) {
		return out, ErrNotInProc
	}
	if err != nil {
		return out, err
	}
	for _, id := range ids {
		fd, err := nsfs.OpenByID(id)
		if errors.Is(err, unix.ESTALE) || errors.Is(err, unix.ENOENT) {
			continue // it has ended
		}
		if err != nil {
			return out, fmt.Errorf("open namespace %d: %w", id, err)
		}
		var st unix.Stat_t
		err = unix.Fstat(fd, &st)
		unix.Close(fd)
		if err != nil {
			return out, fmt.Errorf("stat namespace %d: %w", id, err)
		}
		out.Nets = append(out.Nets, record.Net{Inode: st.Ino, Cookie: id, Refs: record.RefsUnknown})
	}
	return out, ErrActiveOnly
}
