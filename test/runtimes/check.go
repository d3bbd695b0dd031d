// SPDX-License-Identifier: Apache-2.0

package runtimes

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// checkList checks that list shows the namespace of these containers: the first
// is the oldest in it; the name is that of the sandboxKey, or none if it is "".
func checkList(t *testing.T, n nsinspect, sandboxKey string, members ...container) {
	t.Helper()
	inode := members[0].netns(t)
	ns, ok := n.list(t).find(inode)
	if !ok {
		t.Fatalf("list: net:[%d] of %s is not there", inode, members[0].name)
	}
	checkNamespace(t, ns, len(processesIn(t, inode)), sandboxKey, members...)
}

// checkUses checks that who-uses finds that namespace by each of the REFs, and
// every process and name that holds it.
func checkUses(t *testing.T, n nsinspect, refs []string, sandboxKey string, members ...container) {
	t.Helper()
	inode := members[0].netns(t)
	pids := processesIn(t, inode)
	for _, ref := range refs {
		a := n.whoUses(t, ref)
		if a.Namespace.Inode != inode {
			t.Errorf("who-uses %s: net:[%d], want net:[%d]", ref, a.Namespace.Inode, inode)
			continue
		}
		checkNamespace(t, a.Namespace, len(pids), sandboxKey, members...)
		if a.Verdict == "" {
			t.Errorf("who-uses %s: no verdict", ref)
		}
		if got := holderPIDs(a); !slices.Equal(got, pids) {
			t.Errorf("who-uses %s: process holders %v, want %v", ref, got, pids)
		}
		checkMounts(t, ref, a, sandboxKey)
	}
}

func checkNamespace(t *testing.T, ns namespace, processes int, sandboxKey string, members ...container) {
	t.Helper()
	if ns.Type != "net" || ns.Initial {
		t.Errorf("type %q, initial %v: want net, false", ns.Type, ns.Initial)
	}
	var want []name
	if sandboxKey != "" {
		want = []name{{Name: filepath.Base(sandboxKey), Path: sandboxKey, Kind: "mount"}}
	}
	if !slices.Equal(ns.Names, want) {
		t.Errorf("names %+v, want %+v", ns.Names, want)
	}
	if ns.Processes != processes || ns.Counts["process"] != processes || processes < len(members) {
		t.Errorf("%d processes, %d process holders, want %d", ns.Processes, ns.Counts["process"], processes)
	}
	if got := ns.Counts["mount"]; (got > 0) != (sandboxKey != "") {
		t.Errorf("%d mount holders of a namespace named %q", got, sandboxKey)
	}
	if l := ns.Leader; l == nil {
		t.Errorf("no leader, want process %d", members[0].pid)
	} else if l.PID != members[0].pid || l.Comm != "sleep" || !slices.Equal(l.Cmdline, []string{"sleep", "600"}) {
		t.Errorf("leader %+v, want process %d, sleep 600", *l, members[0].pid)
	}
}

func checkMounts(t *testing.T, ref string, a usesAnswer, sandboxKey string) {
	t.Helper()
	own := inodeOf(t, "/proc/self/ns/mnt")
	at := slices.IndexFunc(a.Namespace.Holders, func(h holder) bool { return h.Kind == "mount" && h.Path == sandboxKey })
	switch {
	case sandboxKey == "" && a.Namespace.Counts["mount"] != 0:
		t.Errorf("who-uses %s: a mount holds it: %+v", ref, a.Namespace.Holders)
	case sandboxKey != "" && at < 0:
		t.Errorf("who-uses %s: no mount holder %s: %+v", ref, sandboxKey, a.Namespace.Holders)
	case at >= 0 && a.Namespace.Holders[at].MountNS != own:
		t.Errorf("who-uses %s: the mount %s is in mnt:[%d], want mnt:[%d]", ref, sandboxKey, a.Namespace.Holders[at].MountNS, own)
	}
}

func holderPIDs(a usesAnswer) []int {
	var pids []int
	for _, h := range a.Namespace.Holders {
		if h.Kind == "process" {
			pids = append(pids, h.PID)
		}
	}
	return pids // who-uses promises them sorted
}

// checkUnknown checks that who-uses knows no such namespace.
func checkUnknown(t *testing.T, n nsinspect, ref string) {
	t.Helper()
	if stdout, stderr, status := n.run(t, "who-uses", ref); status != 1 || stdout != "" || stderr == "" {
		t.Errorf("who-uses %s: exit status %d, stdout %q, stderr %q; want 1, nothing, a reason", ref, status, stdout, stderr)
	}
}

// checkGone checks that nothing shows a namespace with that name or one of
// these leaders, and that its name means nothing any more. The inode shows
// nothing: the kernel gives it to the next namespace at once.
func checkGone(t *testing.T, n nsinspect, sandboxKey string, members ...container) {
	t.Helper()
	var found []namespace
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		found = slices.DeleteFunc(n.list(t).Namespaces, func(ns namespace) bool {
			named := slices.ContainsFunc(ns.Names, func(n name) bool { return n.Path == sandboxKey })
			led := ns.Leader != nil && slices.ContainsFunc(members, func(c container) bool { return c.pid == ns.Leader.PID })
			return !named && !led
		})
		if len(found) == 0 || time.Now().After(end) {
			break
		}
	}
	if len(found) > 0 {
		t.Errorf("list: still there: %+v", found)
	}
	checkUnknown(t, n, sandboxKey)
	checkUnknown(t, n, filepath.Base(sandboxKey))
}

// refsOf are the ways to name the namespace of a container that has a name.
func refsOf(t *testing.T, c container) []string {
	t.Helper()
	return append(refsOfProcess(t, c), c.basename(), c.sandboxKey)
}

// refsOfProcess are the ways to name the namespace of any container.
func refsOfProcess(t *testing.T, c container) []string {
	t.Helper()
	inode := c.netns(t)
	return []string{
		fmt.Sprint(inode), fmt.Sprintf("net:[%d]", inode),
		fmt.Sprint(c.pid), fmt.Sprintf("pid:%d", c.pid), fmt.Sprintf("/proc/%d/ns/net", c.pid),
	}
}
