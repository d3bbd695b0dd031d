// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// What frees a mount that no process sees, or no path leads to.
func TestUnmountSteps(t *testing.T) {
	pid := ns.Holder{Kind: ns.KindMount, PID: 7, Path: "/pin"}
	apart := ns.Holder{Kind: ns.KindMount, Path: "/pin", MountNS: 3}
	fd := ns.Holder{Kind: ns.KindFD, PID: 8, FD: 4, Process: &ns.Process{Comm: "snapd"}}
	for want, h := range map[string]ns.Holder{
		`unmount "/a b"`:                                                                    {Path: "/a b", MountNS: 1},
		"run `ip netns del 'a b'`":                                                          {Path: "/run/netns/a b", MountNS: 1},
		"unmount mount 5, which no path":                                                    {MountID: 5, MountNS: 1},
		"run `nsenter -m -t 9 umount '/it'\\''s'`":                                          {Path: "/it's", MountNS: 2, PID: 9},
		"run `nsenter -m -t 10 umount /run/netns/x` after what":                             {Path: "/run/netns/x", MountNS: 2, PID: 9, TID: 10, Covered: true},
		"end the processes in mnt:[2], where no path leads to mount 5":                      {MountID: 5, MountNS: 2, PID: 9},
		"free mnt:[2], which no process is in and which has the mount /x: `nsinspect who-u": {Path: "/x", MountNS: 2},
		"run `nsenter -m -t 7 umount /pin`, which keeps mnt:[2] with the mount /x":          {Path: "/x", MountNS: 2, Pin: &pid},
		"unmount /pin in mnt:[3], which keeps mnt:[2] with mount 5":                         {MountID: 5, MountNS: 2, Pin: &apart},
		"close fd 4 of snapd (pid 8), which keeps mnt:[2] with the mount /x":                {Path: "/x", MountNS: 2, Pin: &fd},
		"close fd 4 of snapd (pid 8), a detached mount that mount 5 is below":               {MountID: 5, Via: ns.ViaDetached, Pin: &fd},
		"free the detached mount that mount 5 is below, which no process here":              {MountID: 5, Via: ns.ViaDetached},
		"end the use of what mount 5 was unmounted with":                                    {MountID: 5, Via: ns.ViaUnmounted},
	} {
		h.Kind = ns.KindMount
		n := ns.Namespace{Holders: []ns.Holder{h}}
		if got := release(&n, &ns.Snapshot{MountNS: 1}); !strings.HasPrefix(got, want) {
			t.Errorf("%+v: %q, want %q", h, got, want)
		}
	}
	n := ns.Namespace{}
	for i := range 40 {
		n.Holders = append(n.Holders, ns.Holder{Kind: ns.KindMount, Path: fmt.Sprintf("/%d", i), MountNS: 1})
	}
	if got := release(&n, &ns.Snapshot{MountNS: 1}); got != "unmount /0, unmount /1, unmount /2 and 37 more mounts" {
		t.Errorf("of 40 mounts: %q", got)
	}
}
