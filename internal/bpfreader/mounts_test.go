// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package bpfreader

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/need"
)

// detachedTree mounts the calling thread's network namespace on "ns" below a
// detached copy of a directory, and nowhere else. The thread has to end afterwards.
func detachedTree(t *testing.T, dir string) int {
	must(t, "make mount namespace", unix.Unshare(unix.CLONE_NEWNS))
	must(t, "make mounts private", unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
	must(t, "mount directory", unix.Mount("nstest", dir, "tmpfs", 0, "size=1m"))
	must(t, "make file", os.WriteFile(filepath.Join(dir, "ns"), nil, 0o600))
	must(t, "mount namespace", unix.Mount("/proc/thread-self/ns/net", filepath.Join(dir, "ns"), "", unix.MS_BIND, ""))
	fd, err := unix.OpenTree(unix.AT_FDCWD, dir, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE)
	must(t, "open_tree", err)
	return fd
}

// TestDetachedMounts makes a mount below a detached one the only holder, lets go of
// the detached one while a directory in it is open, and closes that.
func TestDetachedMounts(t *testing.T) {
	need.Root(t)
	r := open(t, Options{})
	dir := t.TempDir()
	var tree int
	ns := inNew(t, func() { tree = detachedTree(t, dir) })
	top, mount := mountOf(t, tree, ""), mountOf(t, tree, "ns")
	want := File{Kind: KindNSFS, Namespace: ns.inode, Cookie: ns.cookie, Type: unix.CLONE_NEWNET, FD: -1, Slot: -1, Mount: mount, Tree: top}
	checkOne := func(what string) {
		t.Helper()
		if got := only(t, found(t, r.DetachedMounts, ns)); got != want {
			t.Errorf("%s:\ngot  %+v\nwant %+v", what, got, want)
		}
	}
	checkOne("below a detached mount")
	if f := treeIn(t, r.Files, top); f.PID != self || f.FD != tree {
		t.Errorf("the detached mount is had by %+v, want descriptor %d", f, tree)
	}
	from, to := pair(t, unix.SOCK_STREAM)
	send(t, from, tree)
	if f := treeIn(t, r.InFlight, top); f.Queue != socketInode(t, to) {
		t.Errorf("the detached mount waits in %+v, want socket %d", f, socketInode(t, to))
	}
	closeAll(t, from, to)

	inside, err := unix.Openat(tree, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	must(t, "open directory", err)
	closeAll(t, tree)
	if mountOf(t, inside, "ns") == mount { // Linux 7.3 keeps the directory alone
		want.Tree, want.Flags = 0, Unmounted
		checkOne("unmounted with an open directory")
	}
	closeAll(t, inside)
	checkGone(t, r, ns)
	if got := found(t, r.DetachedMounts, ns); got != nil {
		t.Errorf("still found: %+v", got)
	}
}

// treeIn finds the one file that is a detached mount.
func treeIn(t *testing.T, pass func(func(*File)) (Totals, error), mount int) File {
	t.Helper()
	var got []File
	_, err := pass(func(f *File) {
		if f.Kind == KindDetachedMount && f.Mount == mount {
			got = append(got, *f)
		}
	})
	must(t, "read files", err)
	return only(t, got)
}

// TestMountIsNotLone checks that a mount that is where it belongs is left out.
func TestMountIsNotLone(t *testing.T) {
	need.Root(t)
	r := open(t, Options{})
	name := filepath.Join(t.TempDir(), "ns")
	must(t, "make file", os.WriteFile(name, nil, 0o600))
	ns := inNew(t, func() { must(t, "mount namespace", unix.Mount("/proc/thread-self/ns/net", name, "", unix.MS_BIND, "")) })
	if got := found(t, r.DetachedMounts, ns); got != nil {
		t.Errorf("a mount in a mount namespace: %+v", got)
	}
	must(t, "unmount", unix.Unmount(name, unix.MNT_DETACH))
	checkGone(t, r, ns)
}
