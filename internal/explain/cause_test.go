// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/scan"
)

// The verdict and the finding on a namespace that nothing visible keeps give the same
// cause, and suppose one inside the kernel only where all was read.
func TestCauseOnlyWhereKnown(t *testing.T) {
	gap := func(err error, sources ...string) []ns.Gap {
		return []ns.Gap{{Sources: sources, Path: "/proc", Err: err}}
	}
	away := []string{"a process that cannot be seen from here"}
	for name, c := range map[string]struct {
		gaps             []ns.Gap
		less             bool // a source was not asked
		connections      int
		verdict, meaning []string
	}{
		"another PID namespace":    {gap(scan.ErrOtherPIDNS, "process"), false, 1, away, away},
		"hidepid":                  {gap(scan.ErrHidepid, "process"), false, 0, away, away},
		"files unreadable":         {gap(unix.EACCES, "fd", "socket"), false, 1, []string{"something that was not looked at"}, []string{"something that was not looked at"}},
		"sockets not looked at":    {nil, true, 1, []string{"something that was not looked at"}, []string{"something that was not looked at"}},
		"links unreadable":         {gap(unix.EPERM, ns.SourceLink), false, 0, []string{"a request of an io_uring", "still closing"}, []string{"a request of an io_uring", "still closing", "NFS"}},
		"a connection that closes": {nil, false, 1, []string{"until TCP connections of ended processes have closed"}, []string{"still closing and keep it"}},
		"all was read":             {nil, false, 0, []string{"a request of an io_uring", "still closing"}, []string{"a request of an io_uring", "still closing", "NFS"}},
	} {
		s := &ns.Snapshot{Sources: scan.Sources(), MountsAll: true, LoneMounts: true, Gaps: c.gaps}
		if c.less {
			s.Sources = []string{"process", "kernel"}
		}
		a := &Adviser{Snapshot: s, Connections: func(*ns.Namespace) (int, error) { return c.connections, nil }}
		n := &ns.Namespace{Type: ns.Net, Inode: inode, Holders: []ns.Holder{{Kind: ns.KindKernel, Refs: 1}}}
		check := func(what, text string, want []string) {
			for _, words := range want {
				if !strings.Contains(text, words) {
					t.Errorf("%s: %s %q, want %q", name, what, text, words)
				}
			}
			if len(want) == 1 && strings.Contains(text, "a request of an io_uring") {
				t.Errorf("%s: %s %q supposes a cause", name, what, text)
			}
		}
		check("verdict", a.Verdict(n, a.Free(n)), c.verdict)
		check("finding", a.KernelOnly(n).Meaning, c.meaning)
	}
}
