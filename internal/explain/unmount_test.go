// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// What frees a mount that no process sees, or no path leads to, as far as a snapshot alone
// shows it.
func TestUnmountInWords(t *testing.T) {
	pid := ns.Holder{Kind: ns.KindMount, PID: 7, Path: "/pin", MountNS: 4, Authority: ns.RootAuthority}
	here := ns.Holder{Kind: ns.KindMount, Path: "/pin", MountNS: 1, Authority: ns.RootAuthority}
	apart := ns.Holder{Kind: ns.KindMount, Path: "/pin", MountNS: 3}
	fd := ns.Holder{Kind: ns.KindFD, PID: 8, FD: 4, Process: &ns.Process{Comm: "snapd"}}
	for want, h := range map[string]ns.Holder{
		`unmount "/a b"`:                                                                    {Path: "/a b", MountNS: 1},
		"run `ip netns del 'a b'`":                                                          {Path: "/run/netns/a b", MountNS: 1},
		"unmount mount 5, which no path":                                                    {MountID: 5, MountNS: 1},
		`unmount "/it's" in the mount namespace of pid 9`:                                   {Path: "/it's", MountNS: 2, PID: 9},
		"unmount /x in the mount namespace of thread 10 of pid 9, after what":               {Path: "/x", MountNS: 2, PID: 9, TID: 10, Covered: true},
		"end the processes in mnt:[2], where no path leads to mount 5":                      {MountID: 5, MountNS: 2, PID: 9},
		"free mnt:[2], which no process is in and which has the mount /x: `nsinspect who-u": {Path: "/x", MountNS: 2},
		"unmount /pin in the mount namespace of pid 7, which keeps mnt:[2] with the mount":  {Path: "/x", MountNS: 2, Pin: &pid},
		"unmount /pin, which keeps mnt:[2] with the mount /y":                               {Path: "/y", MountNS: 2, Pin: &here},
		"free mnt:[3], which no process is in and which has the mount /pin: `nsinspect":     {MountID: 5, MountNS: 2, Pin: &apart},
		"close fd 4 of snapd (pid 8), which keeps mnt:[2] with the mount /z":                {Path: "/z", MountNS: 2, Pin: &fd},
		"close fd 4 of snapd (pid 8), a detached mount that mount 5 is below":               {MountID: 5, Via: ns.ViaDetached, Pin: &fd},
		"free the detached mount that mount 5 is below, which no process here":              {MountID: 5, Via: ns.ViaDetached},
		"end the use of what mount 5 was unmounted with":                                    {MountID: 5, Via: ns.ViaUnmounted},
	} {
		h.Kind, h.Authority = ns.KindMount, ns.RootAuthority
		a := Adviser{Snapshot: &ns.Snapshot{MountNS: 1}}
		if got := andJoin(steps(a.Free(&ns.Namespace{Holders: []ns.Holder{h}}))); !strings.HasPrefix(got, want) {
			t.Errorf("%+v: %q, want %q", h, got, want)
		}
	}
}

// A sentence counts what is beyond the first of many; the lists of commands and of advice
// have all.
func TestManyMounts(t *testing.T) {
	n := ns.Namespace{}
	for i := range 40 {
		n.Holders = append(n.Holders, ns.Holder{Kind: ns.KindMount, Path: fmt.Sprintf("/%d", i), MountNS: 1, Authority: ns.RootAuthority})
	}
	a := Adviser{Snapshot: &ns.Snapshot{MountNS: 1}}
	free := a.Free(&n)
	if got := andJoin(steps(free)); got != "unmount /0, /1, /2 and 37 more mounts" {
		t.Errorf("of 40 mounts: %q", got)
	}
	if got := Commands(free); len(got) != 40 || got[39] != "umount -- /39" {
		t.Errorf("commands %q", got)
	}
}

// Who may not enter a mount namespace gets no command that does.
func TestUnmountConfined(t *testing.T) {
	a, m := adviser(t, nil)
	h := mountAt("/run/netns/blue", 7)
	h.PID = ns.TaskID(os.Getpid())
	m.at[fmt.Sprintf("/proc/%d/root/run/netns/blue", h.PID)] = inode
	a.confined = false
	like(t, a.Free(netns(h)), "umount -i -n -N ")
	a.confined = true
	free := slices.Collect(a.Free(netns(h)))
	want := fmt.Sprintf("nsenter --target %d --user", os.Getpid())
	if len(free) != 1 || free[0].Command != "" || !strings.Contains(free[0].text(), want) {
		t.Errorf("%+v, want words with %q", free, want)
	}
}
