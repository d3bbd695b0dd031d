// SPDX-License-Identifier: Apache-2.0

package runtimes

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// TestContainerd checks the owners of a containerd's containers, whose state is
// at a place of its own: one in a namespace that was there before, under a name,
// one that shares it and one in its own.
func TestContainerd(t *testing.T) {
	c := startCtr(t)
	n := newInspect(t)
	key := filepath.Join(c.home.mkdir(t, "names"), "blue")
	pinNamespace(t, key)
	web := c.run(t, "web", "--with-ns", "network:"+key)
	web.sandboxKey = key
	peer := c.run(t, "peer", "--with-ns", "network:"+key)
	alone := c.run(t, "alone")
	if inode := inodeOf(t, key); web.netns(t) != inode || peer.netns(t) != inode {
		t.Fatalf("net:[%d] and net:[%d], want net:[%d]", web.netns(t), peer.netns(t), inode)
	}
	t.Run("owner", func(t *testing.T) {
		checkOwner(t, n, "containerd", web, web, peer)
		checkOwner(t, n, "containerd", alone, alone)
		checkContainers(t, "containerd", web, peer, alone)
	})
	t.Run("removed", func(t *testing.T) {
		c.remove(t, web.id)
		checkOwner(t, n, "containerd", peer, peer)
		c.remove(t, peer.id)
		a := n.whoUses(t, key)
		if a.Namespace.Processes != 0 || a.Namespace.Owner != nil {
			t.Errorf("a namespace that its containers have left: %+v", a.Namespace)
		}
		checkUnknown(t, n, web.id)
	})
}

// pinNamespace makes a network namespace that a bind mount at path alone keeps.
func pinNamespace(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, nil, 0o444); err != nil {
		t.Fatal(err)
	}
	failed := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with its namespace
		err := unix.Unshare(unix.CLONE_NEWNET)
		if err == nil {
			err = unix.Mount("/proc/thread-self/ns/net", path, "", unix.MS_BIND, "")
		}
		failed <- err
	}()
	if err := <-failed; err != nil {
		t.Fatal(err)
	}
}
