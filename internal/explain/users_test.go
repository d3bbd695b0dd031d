// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
	"github.com/nsinspect/nsinspect/pkg/scan"
)

// What a user has a process of root's hold is no reason to end that process, or to restart
// its unit.
func TestHandedToRoot(t *testing.T) {
	unit := &owner.Owner{Runtime: "systemd", Unit: "rsyslog.service", Authority: ns.RootAuthority}
	pid := ns.TaskID(os.Getpid())
	for _, c := range []struct {
		kind  ns.Kind
		maker int // of the namespace
		words string
	}{
		{ns.KindFD, 1000, "uid 1000 made the namespace"},
		{ns.KindSocket, 1000, "uid 1000 made the namespace"},
		{ns.KindInflight, 1000, "uid 1000 made the namespace"},
		{ns.KindInflight, 0, "whoever can write to that socket"},
		{ns.KindFD, 0, ""},
		{ns.KindFD, -1, ""}, // it is not known
	} {
		for _, o := range []*owner.Owner{nil, unit} {
			a, _ := adviser(t, &fakeOwners{of: map[ns.TaskID]*owner.Owner{pid: o}})
			n := netns(own(t, c.kind))
			n.OwnerUID = c.maker
			free := a.Free(n)
			if c.words == "" {
				if len(Commands(free)) != 1 {
					t.Errorf("%s of %d: commands %q, want one", c.kind, c.maker, Commands(free))
				}
				continue
			}
			like(t, free)
			if advice := strings.Join(Advice(free), " "); !strings.Contains(advice, c.words) || !strings.Contains(advice, fmt.Sprintf("(pid %d", pid)) {
				t.Errorf("%s of %d: advice %q", c.kind, c.maker, advice)
			}
		}
	}
}

// The processes of a user's that a unit of root's has started, as cron starts jobs, are ended
// by PID: their namespaces are none of the unit's.
func TestUserInUnitOfRoot(t *testing.T) {
	pid := ns.TaskID(os.Getpid())
	for _, o := range []owner.Owner{
		{Runtime: "systemd", Unit: "cron.service", Authority: ns.RootAuthority},
		{Runtime: "docker", Name: "web", Authority: ns.RootAuthority},
		{Runtime: "containerd", Pod: "default/web", Name: "app", ID: strings.Repeat("e", 64), Authority: ns.RootAuthority},
	} {
		a, _ := adviser(t, &fakeOwners{of: map[ns.TaskID]*owner.Owner{pid: &o}})
		for _, kind := range []ns.Kind{ns.KindProcess, ns.KindThread} {
			n, host := netns(own(t, kind)), netns()
			n.OwnerUID, host.Initial = 1000, true
			like(t, a.Free(n), "&& kill ")
			for _, text := range []Text{a.SplitThread(n, host, n, []*ns.Holder{&n.Holders[0]}), a.SplitThread(host, n, n, []*ns.Holder{&n.Holders[0]})} {
				if len(text.Fix) != 1 || !strings.Contains(text.Fix[0], "&& kill ") {
					t.Errorf("%s, %s: fix %q", o.Ref(), kind, text.Fix)
				}
			}
			n.OwnerUID = 0
			if got := Commands(a.Free(n)); len(got) != 1 || strings.Contains(got[0], "kill ") {
				t.Errorf("%s, %s, made by root: commands %q", o.Ref(), kind, got)
			}
		}
	}
	// What such a process has opened of root's is no reason either.
	a, _ := adviser(t, &fakeOwners{of: map[ns.TaskID]*owner.Owner{pid: {Runtime: "systemd", Unit: "cron.service", Authority: ns.RootAuthority}}})
	h := own(t, ns.KindFD)
	h.Process.UID = 1000
	like(t, a.Free(netns(h)), "&& kill ")
}

// A user's program is no daemon that others depend on, whatever its name is.
func TestUsersDaemon(t *testing.T) {
	a, m := adviser(t, nil)
	p, err := scan.ReadProcess(m.Host, ns.TaskID(sleeper(t, "dockerd").Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	h := ns.Holder{Kind: ns.KindProcess, PID: p.PID, Process: p}
	like(t, a.Free(netns(h))) // no command
	p.UID = 1000
	like(t, a.Free(netns(h)), "&& kill ")
}

// A mount in root's mount namespace is taken away by a command only where nobody else can
// change the way there.
func TestUsersPathElsewhere(t *testing.T) {
	a, m := adviser(t, nil)
	for name, want := range map[string][]string{"/srv/ns": {"umount -i -n -N "}, "/home/u/ns": nil} {
		h := mountAt(name, 7)
		h.PID = ns.TaskID(os.Getpid())
		m.at[fmt.Sprintf("/proc/%d/root%s", h.PID, name)] = inode
		free := a.Free(netns(h))
		like(t, free, want...)
		if want == nil && len(Advice(free)) != 1 {
			t.Errorf("%s: advice %q", name, Advice(free))
		}
	}
}
