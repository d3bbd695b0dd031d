// SPDX-License-Identifier: Apache-2.0

package resolve

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/nstest"
	"github.com/nsinspect/nsinspect/internal/record"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/scan"
)

func TestResolve(t *testing.T) {
	dir := nstest.NewNames(t)
	other := nstest.NewNames(t)
	blue := dir.Add("blue")
	dir.Add("twin")
	other.Add("twin")
	decimal, pid := dir.Add("123456789012"), dir.Add(strconv.Itoa(os.Getpid()))
	process := nstest.Make(t, nstest.Process)
	fd := nstest.Make(t, nstest.FD)
	opts := scan.Options{NamesDirs: []string{dir.Dir, other.Dir}}

	for text, inode := range map[string]uint64{
		"blue":                                    blue.Inode,
		dir.Path("blue"):                          blue.Inode,
		ns.FormatLink(ns.Net, blue.Inode):         blue.Inode,
		ns.FormatLink(ns.Net, blue.Inode)[5:15]:   blue.Inode,
		process.File():                            process.Inode,
		strings.Split(process.File(), "/")[2]:     process.Inode,
		"pid:" + strings.Split(fd.File(), "/")[2]: inodeOfOwnNet(t),
		"self":                             inodeOfOwnNet(t),
		"pid:" + strconv.Itoa(os.Getpid()): inodeOfOwnNet(t),
		ns.FormatLink(ns.Net, pid.Inode):   pid.Inode,
		"123456789012":                     decimal.Inode,
		fd.File():                          fd.Inode,
	} {
		ref, err := ParseRef(text)
		if err != nil {
			t.Fatal(err)
		}
		_, n, err := Resolve(t.Context(), opts, nil, ref)
		if err != nil || n.Inode != inode {
			t.Errorf("Resolve(%q) = %v, %v, want %d", text, n, err, inode)
		}
	}
	for text, want := range map[string]string{
		"twin": "twin fits 2 namespaces: net:[",

		strconv.Itoa(os.Getpid()): "fits 2 namespaces: net:[",
		"green":                   "no namespace named green: looked in",
		"4294967294":              "no namespace 4294967294: looked at processes",
		"5000000":                 "too small for a namespace inode",
		"/etc/passwd":             "not a namespace",
		"/does/not/exist":         "no such file",
		"4194304":                 "no process 4194304",
	} {
		ref, err := ParseRef(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, n, err := Resolve(t.Context(), opts, nil, ref); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Resolve(%q) = %v, %v, want an error with %q", text, n, err, want)
		}
	}
}

func inodeOfOwnNet(t *testing.T) uint64 {
	t.Helper()
	link, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	_, inode, ok := ns.ParseLink(link)
	if !ok {
		t.Fatalf("odd link %q", link)
	}
	return inode
}

// A cookie leads to its namespace.
func TestResolveCookie(t *testing.T) {
	scene := nstest.Make(t, nstest.FD)
	if scene.Cookie == 0 { // before Linux 5.14
		return
	}
	if _, n, err := Resolve(t.Context(), scan.Options{}, nil, Ref{kind: refCookie, cookie: scene.Cookie}); err != nil || n.Inode != scene.Inode {
		t.Errorf("by its cookie: %v, %v, want %d", n, err, scene.Inode)
	}
}

// The host's own namespace is that also where no process in it can be seen.
func TestHostUnseen(t *testing.T) {
	ref, err := ParseRef("host")
	if err != nil {
		t.Fatal(err)
	}
	snap := &ns.Snapshot{}
	snap.Initial[ns.Net] = 4026531833
	n, err := ref.find(t.Context(), nil, nil, ns.Net, snap, record.Key{Type: ns.Net, Inode: 4026531833}, true)
	if err != nil || n == nil || !n.Initial {
		t.Errorf("host: %+v, %v, want the initial namespace", n, err)
	}
	file, err := ParseRef("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := file.find(t.Context(), nil, nil, ns.Net, snap, record.Key{Type: ns.Net, Inode: 4026532100}, true); err != nil || n == nil || n.Initial {
		t.Errorf("another one: %+v, %v", n, err)
	}
}

// What could not be read for lack of descriptors is not a user's word, nor is it missing.
func TestLack(t *testing.T) {
	blue := ns.Name{Name: "blue", Path: "/run/netns/blue", Kind: ns.NameMount, Authority: ns.UnknownAuthority}
	snap := &ns.Snapshot{Namespaces: []ns.Namespace{{Type: ns.Net, Inode: 4026532100, Names: []ns.Name{blue}}}}
	for _, text := range []string{"blue", "green"} {
		ref, err := ParseRef(text)
		if err != nil {
			t.Fatal(err)
		}
		for _, lack := range []unix.Errno{0, unix.EMFILE, unix.ENFILE, unix.ENOMEM} {
			snap.Gaps = nil
			if lack != 0 {
				snap.Gaps = []ns.Gap{{Sources: []string{"name"}, Path: "/run/netns", Err: lack}}
			}
			if _, err := ref.find(t.Context(), nil, nil, ns.Net, snap, record.Key{}, false); errors.Is(err, lack) != (lack != 0) {
				t.Errorf("%s, %v: %v", text, lack, err)
			}
		}
	}
}
