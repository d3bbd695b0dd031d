// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/record"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// own is what this process had open before a scan began. While it reads, a scan
// has files of its own open on what it looks at: namespace files, sockets that
// it borrowed. These are no holders: they are gone when it ends.
type own struct {
	pid ns.TaskID // as the scanned /proc numbers it; 0 if it does not
	fds []int
}

func readOwnFiles(h *host.Host) own {
	if h.Recorded() {
		return own{}
	}
	var link [16]byte
	n, err := unix.Readlinkat(h.ProcFD(), "self", link[:])
	if err != nil {
		return own{} // a /proc of a PID namespace that we are not in
	}
	pid, err := strconv.Atoi(string(link[:n]))
	if err != nil {
		return own{}
	}
	dir, err := h.OpenProc("self/fd", unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return own{}
	}
	defer unix.Close(dir)
	o := own{pid: ns.TaskID(pid)}
	buf := make([]byte, 4<<10)
	for {
		n, err := unix.Getdents(dir, buf)
		if err != nil || n == 0 {
			o.fds = slices.DeleteFunc(o.fds, func(fd int) bool { return fd == dir }) // free again
			slices.Sort(o.fds)
			return o
		}
		o.fds = host.NumericEntries(o.fds, buf[:n], unix.DT_LNK)
	}
}

// drop takes the files that the scan itself had open out of what was found, and the copies of
// them that a helper has before it is one.
func (o own) drop(f *record.Found, helpers []ns.TaskID) {
	if o.pid == 0 {
		return
	}
	f.Records.Delete(func(s *record.Record) bool {
		if s.Kind != ns.KindFD && s.Kind != ns.KindSocket && s.Kind != ns.KindTun {
			return false
		}
		if s.PID() != o.pid {
			return slices.Contains(helpers, s.PID())
		}
		_, before := slices.BinarySearch(o.fds, int(s.Holder().FD))
		return !before
	})
}
