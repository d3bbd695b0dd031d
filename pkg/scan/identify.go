// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"context"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/kernel"
	"github.com/nsinspect/nsinspect/internal/opener"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// identify fills in what the sources did not read of the namespaces: cookie,
// owner, nsid and age. It opens each by the first of its holders that leads to it and
// closes it at once. What cannot be opened or asked stays unknown and is no gap:
// it hides no holder. As root everything is known of a namespace that a file
// refers to; without CAP_SYS_PTRACE nothing is of other users' processes'.
func (s *scanner) identify(ctx context.Context, snap *ns.Snapshot) {
	boot, _ := s.host.BootTime() // the zero time if unknown, for which findLeaders leaves a gap
	if s.host.Recorded() {
		for i := range snap.Namespaces {
			setAge(&snap.Namespaces[i], -1, snap.Taken, boot)
		}
		return // a recorded tree has no namespaces to ask
	}
	if !boot.IsZero() { // as the host has it: /proc has that of our time namespace (kernel/time/namespace.c, 5.6)
		boot = boot.Add(kernel.BootOffset())
	}
	d := opener.New(s.host, slices.Contains(s.types, ns.Net))
	defer d.Close()
	for i := range snap.Namespaces {
		if ctx.Err() != nil {
			return
		}
		n := &snap.Namespaces[i]
		fd, err := d.Open(n)
		if err == nil {
			d.Identify(n, fd)
		}
		setAge(n, fd, snap.Taken, boot)
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}
