// SPDX-License-Identifier: Apache-2.0

package runtimes

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
	"github.com/nsinspect/nsinspect/pkg/scan"
)

// checkOwner checks that list and who-uses report that the namespace of a container
// is the first's, and whose each of these containers' processes is, and that every
// container's name and ID leads there.
func checkOwner(t *testing.T, n nsinspect, runtime string, its container, members ...container) {
	t.Helper()
	inode := append(members, its)[0].netns(t)
	ns, ok := n.list(t).find(inode)
	if !ok {
		t.Fatalf("list: net:[%d] of %s is not there", inode, its.name)
	}
	checkOwned(t, "list", ns.Owner, runtime, its)
	for _, c := range members {
		for _, ref := range ownerRefs(runtime, c) {
			a := n.whoUses(t, ref)
			if a.Namespace.Inode != inode {
				t.Errorf("who-uses %s: net:[%d], want net:[%d]", ref, a.Namespace.Inode, inode)
			}
			checkOwned(t, "who-uses "+ref, a.Namespace.Owner, runtime, its)
		}
		holders := n.whoUses(t, fmt.Sprint(inode)).Namespace.Holders
		i := slices.IndexFunc(holders, func(h holder) bool { return h.Kind == "process" && h.PID == c.pid })
		if i < 0 {
			t.Errorf("process %d of %s is no holder of net:[%d]", c.pid, c.name, inode)
			continue
		}
		checkOwned(t, fmt.Sprintf("process %d", c.pid), holders[i].Owner, runtime, c)
	}
}

func checkOwned(t *testing.T, what string, got *ownedBy, runtime string, c container) {
	t.Helper()
	if got == nil || got.Runtime != runtime || got.ID != c.id || got.Name != bare(c) {
		t.Errorf("%s: owner %+v, want %s %s %s", what, got, runtime, bare(c), c.id)
	}
}

// bare is a container's name; docker inspect puts a slash before it.
func bare(c container) string { return strings.TrimPrefix(c.name, "/") }

// ownerRefs are the ways to name a container.
func ownerRefs(runtime string, c container) []string {
	refs := []string{bare(c), runtime + ":" + bare(c), c.id}
	if c.id != bare(c) {
		refs = append(refs, c.id[:12], runtime+":"+c.id[:12])
	}
	if c.user != 0 { // whose word that is
		for i := range refs {
			refs[i] = fmt.Sprintf("user:%d/%s", c.user, refs[i])
		}
	}
	return refs
}

// checkNoNamespace checks that a reference to a container which has no namespace
// is refused with the reason.
func checkNoNamespace(t *testing.T, n nsinspect, ref, reason string) {
	t.Helper()
	stdout, stderr, status := n.run(t, "who-uses", ref)
	if status != 1 || stdout != "" || !strings.Contains(stderr, reason) {
		t.Errorf("who-uses %s: exit status %d, stdout %q, stderr %q; want 1, nothing, %q", ref, status, stdout, stderr, reason)
	}
}

// readOwners reads what the runtimes of this machine keep.
func readOwners(t *testing.T) *owner.Index {
	t.Helper()
	h, err := host.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	s, err := scan.Scan(t.Context(), scan.Options{Host: h})
	if err != nil {
		t.Fatal(err)
	}
	return owner.Read(t.Context(), owner.Options{Host: h, Snapshot: s, All: true})
}

// checkContainers checks that what is read of containers is what their runtime
// has.
func checkContainers(t *testing.T, runtime string, want ...container) {
	t.Helper()
	x := readOwners(t)
	for _, c := range want {
		found := x.Find(runtime + ":" + bare(c))
		if len(found) != 1 {
			t.Errorf("%s finds %d containers, want 1", bare(c), len(found))
			continue
		}
		got := found[0]
		if got.ID != c.id || got.PID != ns.TaskID(c.pid) || got.State != c.state || got.Sandbox != c.sandboxKey && c.ownsKey {
			t.Errorf("%+v\nwant %+v", got, c)
		}
		if got.State == "running" && c.ownsKey && got.NetNS != c.netns(t) {
			t.Errorf("%s has net:[%d], want net:[%d]", bare(c), got.NetNS, c.netns(t))
		}
		if runtime == "docker" && !slices.Equal(got.IPs, c.ips) {
			t.Errorf("%s has the addresses %v, want %v", bare(c), got.IPs, c.ips)
		}
	}
}
