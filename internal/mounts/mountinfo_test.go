// SPDX-License-Identifier: Apache-2.0

package mounts

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/sys/mountinfo"

	"github.com/nsinspect/nsinspect/internal/record"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

func TestParseMountInfoKeepsGoodLines(t *testing.T) {
	const good = `41 40 0:4 net:[4026532100] /run/netns/two\040words\012 rw shared:9 - nsfs nsfs rw`
	long := "42 40 0:4 / /long rw - overlay overlay rw,lowerdir=" + strings.Repeat("/l", 70000)
	mounts, err := Parse(strings.NewReader("nonsense\n" + good + "\n" + long + "\n" + good + "\n"))
	if err == nil || !strings.Contains(err.Error(), "nonsense") || !strings.Contains(err.Error(), "too long") {
		t.Errorf("error %v, want one that names both broken lines", err)
	}
	if len(mounts) != 2 || mounts[0].Mountpoint != "/run/netns/two words\n" || mounts[0].Root != "net:[4026532100]" {
		t.Errorf("mounts %+v, want the good line twice", mounts)
	}
}

// tableOf returns the mounts of a text.
func tableOf(t *testing.T, text string) []*mount {
	t.Helper()
	infos, err := Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return kept(infos)
}

func kept(infos []*mountinfo.Info) []*mount {
	var all table
	for _, m := range infos {
		all.add(newMount(m), &paths{})
	}
	return all.mounts
}

func TestCovered(t *testing.T) {
	const table = `1 0 8:1 / / rw - ext4 a rw
2 1 0:1 / /run rw - tmpfs a rw
3 2 0:4 net:[1] /run/x rw - nsfs nsfs rw
4 3 0:4 net:[2] /run/x rw - nsfs nsfs rw
5 1 0:4 net:[3] /srv/a/b rw - nsfs nsfs rw
6 1 0:1 / /srv/a rw - tmpfs a rw
7 6 0:4 net:[4] /srv/a/b rw - nsfs nsfs rw
8 1 0:4 net:[5] /srv/ab rw - nsfs nsfs rw
`
	mounts := tableOf(t, table)
	tree := newMountTree(mounts)
	var covered []string
	for _, m := range mounts {
		if m.nsfs && tree.covered(m) {
			covered = append(covered, m.root)
		}
	}
	if diff := cmp.Diff([]string{"net:[1]", "net:[3]"}, covered); diff != "" {
		t.Errorf("covered (-want +got):\n%s", diff)
	}
	if newMountTree(mounts[1:]).covered(mounts[2]) {
		t.Error("covered without a root mount to start from")
	}
	// With what lies below the root, to which no path leads.
	mounts[0].parent = 90
	tree = newMountTree(append(mounts, &mount{id: 90, parent: 89}))
	if !tree.covered(mounts[2]) || tree.covered(mounts[3]) {
		t.Error("not covered where the kernel lists the root below the root")
	}
	// In a chroot, with what is outside of it: the chroot is a mount, or is none and has no root here.
	outside := []*mount{{id: 90, parent: 89}, {id: 91, parent: 90}, {id: 92, parent: 91, nsfs: true, root: "net:[1]"}}
	mounts[0].parent = 91
	tree = newMountTree(append(mounts, outside...))
	if !tree.covered(mounts[2]) || tree.covered(mounts[3]) {
		t.Error("not covered, or covered, in a chroot that is a mount point")
	}
	if newMountTree(append(mounts[1:], outside...)).covered(mounts[3]) {
		t.Error("covered in a chroot that is no mount point")
	}
}

// Where /run is shared, `ip netns add` mounts twice, and one unmount frees.
func TestPropagatedCopy(t *testing.T) {
	const table = `24 1 0:2 / / rw shared:1 - ext4 a rw
29 24 0:25 / /run rw shared:9 - tmpfs tmpfs rw
33 29 0:25 /netns /run/netns rw shared:9 - tmpfs tmpfs rw
34 33 0:4 net:[1] /run/netns/blue rw shared:10 - nsfs nsfs rw
35 29 0:4 net:[1] /run/netns/blue rw shared:10 - nsfs nsfs rw
36 33 0:4 net:[2] /run/netns/red rw shared:11 - nsfs nsfs rw
37 36 0:4 net:[2] /run/netns/red rw shared:12 - nsfs nsfs rw
`
	mounts := tableOf(t, table)
	s := &Scan{types: []ns.Type{ns.Net}}
	found := s.mountsIn(&Namespace{Inode: 7, mounts: mounts}, nil)
	copies := map[uint64]int{}
	found.Records.Each(func(f *record.Record) {
		if h := f.Holder(); h.Along == ns.AlongOver {
			copies[f.Inode]++
			if !h.Covered {
				t.Errorf("a copy that is not covered: %+v", h)
			}
		}
	})
	if copies[1] != 1 || copies[2] != 0 {
		t.Errorf("copies by inode %v, want one of net:[1], and none of what was mounted twice", copies)
	}
}

func FuzzMountInfo(f *testing.F) {
	f.Add("41 40 0:4 net:[4026532100] /run/netns/two\\040words rw shared:9 - nsfs nsfs rw\n")
	f.Add("1 1 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 0:1 / / rw - tmpfs a rw\n1 2 0:1 / / rw - tmpfs a rw\n")
	f.Add("\n - \n1 2 3:4 \\ \\0 - - - - -\n")
	f.Fuzz(func(t *testing.T, text string) {
		infos, _ := Parse(strings.NewReader(text)) // broken lines are meant to be refused
		mounts := kept(infos)
		if len(mounts) > strings.Count(text, "\n")+1 {
			t.Errorf("%d mounts of %q", len(mounts), text)
		}
		tree := newMountTree(mounts)
		visible := map[string]*mount{}
		for _, m := range mounts {
			if tree.root == nil || tree.covered(m) {
				continue
			}
			if other := visible[m.path]; other != nil {
				t.Errorf("%+v and %+v are both what %q opens", other, m, m.path)
			}
			visible[m.path] = m
		}
	})
}
