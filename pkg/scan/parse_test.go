// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/sys/mountinfo"
)

func TestParseLink(t *testing.T) {
	for _, tt := range []struct {
		text  string
		typ   Type
		inode uint64
		ok    bool
	}{
		{"net:[4026531833]", Net, 4026531833, true},
		{"time:[4026531834]", Time, 4026531834, true},
		{"pid_for_children:[4026531836]", PID, 4026531836, true},
		{"net:[0]", 0, 0, false},
		{"net:[]", 0, 0, false},
		{"net:[+1]", 0, 0, false},
		{"net:[1", 0, 0, false},
		{"net:[99999999999999999999]", 0, 0, false},
		{"tea:[4026531833]", 0, 0, false},
		{"/run/netns/net:[1]", 0, 0, false},
		{"", 0, 0, false},
	} {
		typ, inode, ok := ParseLink(tt.text)
		if typ != tt.typ || inode != tt.inode || ok != tt.ok {
			t.Errorf("ParseLink(%q) = %v, %d, %v", tt.text, typ, inode, ok)
		}
	}
}

func TestParseRef(t *testing.T) {
	for text, want := range map[string]Ref{
		"4026532177":             {kind: refInode, inode: 4026532177, bare: true},
		"4194305":                {kind: refInode, inode: 4194305, bare: true},
		"4194304":                {kind: refPID, pid: 4194304, bare: true},
		"1":                      {kind: refPID, pid: 1, bare: true},
		"pid:42":                 {kind: refPID, pid: 42},
		"net:[4026532177]":       {kind: refLink, inode: 4026532177},
		"mnt:[4026532177]":       {kind: refLink, typ: Mnt, inode: 4026532177},
		"blue":                   {kind: refName},
		"net:blue":               {kind: refName},
		"27d0a9f1c2b3":           {kind: refName},
		"-rf":                    {kind: refName},
		"/run/netns/blue":        {kind: refPath},
		"./blue":                 {kind: refPath},
		"self":                   {kind: refSelf},
		"host":                   {kind: refHost},
		"line\nbreak":            {kind: refName},
		strings.Repeat("n", 255): {kind: refName},
	} {
		want.text = text
		got, err := ParseRef(text)
		if err != nil || got != want {
			t.Errorf("ParseRef(%q) = %+v, %v, want %+v", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"":                       "use an inode",
		"0":                      "is 0",
		"pid:":                   "from 1 to",
		"pid:0":                  "from 1 to",
		"pid:4194305":            "from 1 to",
		"pid:x":                  "from 1 to",
		"net:[x]":                "expected TYPE:[INODE]",
		"tea:[4026531833]":       "expected TYPE:[INODE]",
		"99999999999999999999":   "that large",
		"a\x00b":                 "NUL",
		strings.Repeat("n", 256): "255",
	} {
		if _, err := ParseRef(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseRef(%q): %v, want an error with %q", text, err, want)
		}
	}
}

func TestHides(t *testing.T) {
	for options, want := range map[string]bool{
		"rw":                            false,
		"rw,hidepid=noaccess":           false,
		"rw,hidepid=invisible":          true,
		"rw,gid=7,hidepid=invisible":    false,
		"rw,gid=8,hidepid=invisible":    true,
		"rw,gid=7,hidepid=2":            false,
		"rw,gid=7,hidepid=ptraceable":   true,
		"rw,hidepid=4,subset=pid,gid=7": true,
	} {
		if got := hides(options, func(gid int) bool { return gid == 7 }); got != want {
			t.Errorf("hides(%q) = %v to a member of group 7, want %v", options, got, want)
		}
	}
	if hides("rw,hidepid=2", func(gid int) bool { return gid == 0 }) {
		t.Error("hides processes from group 0, which is proc's where none is named")
	}
}

func TestParseStat(t *testing.T) {
	const rest = " S 1 1 1 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 4711 0 0 0\n"
	for comm := range map[string]bool{"sleep": true, "a b": true, ") R 1 (": true, "line\nbreak": true, "": true, "((": true} {
		got, ok := parseStat([]byte("42 (" + comm + ")" + rest))
		if want := (taskStat{comm: comm, flags: 2129984, start: 4711}); !ok || got != want {
			t.Errorf("parseStat of %q = %+v, %v, want %+v", comm, got, ok, want)
		}
	}
	for _, line := range []string{"", "42", "42 (x)", "42 (x", "42 )x(" + rest, "42 (x) S 1 1 1 0 -1 x 0 0 0 0 0 0 0 0 20 0 1 0 4711 0\n"} {
		if got, ok := parseStat([]byte(line)); ok {
			t.Errorf("parseStat(%q) = %+v, want refusal", line, got)
		}
	}
}

func TestParseMountInfoKeepsGoodLines(t *testing.T) {
	const good = `41 40 0:4 net:[4026532100] /run/netns/two\040words\012 rw shared:9 - nsfs nsfs rw`
	long := "42 40 0:4 / /long rw - overlay overlay rw,lowerdir=" + strings.Repeat("/l", 70000)
	mounts, err := parseMountInfo(strings.NewReader("nonsense\n" + good + "\n" + long + "\n" + good + "\n"))
	if err == nil || !strings.Contains(err.Error(), "nonsense") || !strings.Contains(err.Error(), "too long") {
		t.Errorf("error %v, want one that names both broken lines", err)
	}
	if len(mounts) != 2 || mounts[0].Mountpoint != "/run/netns/two words\n" || mounts[0].Root != "net:[4026532100]" {
		t.Errorf("mounts %+v, want the good line twice", mounts)
	}
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
	mounts, err := parseMountInfo(strings.NewReader(table))
	if err != nil {
		t.Fatal(err)
	}
	tree := newMountTree(mounts)
	var covered []string
	for _, m := range mounts {
		if m.FSType == "nsfs" && tree.covered(m) {
			covered = append(covered, m.Root)
		}
	}
	if diff := cmp.Diff([]string{"net:[1]", "net:[3]"}, covered); diff != "" {
		t.Errorf("covered (-want +got):\n%s", diff)
	}
	if newMountTree(mounts[1:]).covered(mounts[2]) {
		t.Error("covered without a root mount to start from")
	}
	// With what lies below the root, to which no path leads.
	mounts[0].Parent = 90
	tree = newMountTree(append(mounts, &mountinfo.Info{ID: 90, Parent: 89}))
	if !tree.covered(mounts[2]) || tree.covered(mounts[3]) {
		t.Error("not covered where the kernel lists the root below the root")
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
	mounts, err := parseMountInfo(strings.NewReader(table))
	if err != nil {
		t.Fatal(err)
	}
	s := &mountScan{types: []Type{Net}}
	found := s.mountsIn(&mountNS{inode: 7, mounts: mounts})
	snap := &Snapshot{MountNS: 7}
	blue, red := Namespace{Type: Net, Inode: 1}, Namespace{Type: Net, Inode: 2}
	found.sightings.each(func(f *sighting) {
		n := &blue
		if f.inode == 2 {
			n = &red
		}
		n.Holders = append(n.Holders, f.holder())
	})
	snap.Namespaces = []Namespace{blue, red}
	if got := release(&blue, snap); got != "run `ip netns del blue`" {
		t.Errorf("to free one that propagation mounted twice: %q", got)
	}
	if got := release(&red, snap); strings.Contains(got, "ip netns del") {
		t.Errorf("to free one that was mounted twice: %q", got)
	}
}

func FuzzMountInfo(f *testing.F) {
	f.Add("41 40 0:4 net:[4026532100] /run/netns/two\\040words rw shared:9 - nsfs nsfs rw\n")
	f.Add("1 1 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 0:1 / / rw - tmpfs a rw\n1 2 0:1 / / rw - tmpfs a rw\n")
	f.Add("\n - \n1 2 3:4 \\ \\0 - - - - -\n")
	f.Fuzz(func(t *testing.T, text string) {
		mounts, _ := parseMountInfo(strings.NewReader(text)) // broken lines are meant to be refused
		if len(mounts) > strings.Count(text, "\n")+1 {
			t.Errorf("%d mounts of %q", len(mounts), text)
		}
		tree := newMountTree(mounts)
		visible := map[string]*mountinfo.Info{}
		for _, m := range mounts {
			if tree.root == nil || tree.covered(m) {
				continue
			}
			if other := visible[m.Mountpoint]; other != nil {
				t.Errorf("%+v and %+v are both what %q opens", other, m, m.Mountpoint)
			}
			visible[m.Mountpoint] = m
		}
	})
}

func FuzzRef(f *testing.F) {
	for _, text := range []string{"", "1", "pid:1", "net:[4026532177]", "blue", "/run/netns/blue", "self", "18446744073709551616"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ParseRef(text)
		if err == nil && r.String() != text {
			t.Errorf("ParseRef(%q) became %q", text, r)
		}
		if err != nil && strings.ContainsAny(err.Error(), "\n\x1b\x00") {
			t.Errorf("ParseRef(%q) speaks in control characters: %q", text, err)
		}
		if typ, inode, ok := ParseLink(text); ok && err == nil && (r.kind != refLink || r.typ != typ || r.inode != inode) {
			t.Errorf("ParseRef(%q) = %+v, but it is a link", text, r)
		}
	})
}

func FuzzStat(f *testing.F) {
	f.Add("42 (x) S 1 1 1 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 4711 0 0 0\n")
	f.Fuzz(func(t *testing.T, text string) {
		if st, ok := parseStat([]byte(text)); ok && !strings.Contains(text, "("+st.comm+")") {
			t.Errorf("parseStat(%q) named it %q", text, st.comm)
		}
	})
}
