// SPDX-License-Identifier: Apache-2.0

package mounts

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// TestMountHiddenAmongAsMany mounts a namespace, and unmounts something else, when a task's
// mountinfo has been read: there are as many mounts as that has shown.
func TestMountHiddenAmongAsMany(t *testing.T) {
	need.Root(t)
	need.Kernel(t, 6, 12, "NS_MNT_GET_NEXT")
	ended := make(chan bool)
	go func() {
		defer close(ended)
		runtime.LockOSThread() // and ends with the goroutine, in a mount namespace of its own
		hideOneAmongAsMany(t)
	}()
	<-ended
}

func hideOneAmongAsMany(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	file := filepath.Join(dir, "ns")
	must := func(what string, err error) {
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	must("make file", os.WriteFile(file, nil, 0o600))
	must("unshare", unix.Unshare(unix.CLONE_NEWNS))
	must("make mounts private", unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
	must("mount", unix.Mount("tmpfs", other, "tmpfs", 0, ""))

	h, err := host.Open("/")
	must("open host", err)
	defer h.Close()
	s, self := New(h, []ns.Type{ns.Net}, List), task{pid: ns.TaskID(os.Getpid()), tid: ns.TaskID(unix.Gettid())}
	m := &Namespace{Inode: h.MountNamespace("thread-self")}
	listed, err := List()
	must("list", err)
	m.id = listed[slices.IndexFunc(listed, func(l Listed) bool { return l.inode == m.Inode })].id
	s.readSeen(m, nil, []task{self})

	must("unmount", unix.Unmount(other, 0))
	must("bind", unix.Mount("/proc/thread-self/ns/net", file, "", unix.MS_BIND, ""))
	must("read the rest", s.readUnseen(m))
	if !slices.ContainsFunc(m.mounts, func(x *mount) bool { return x.nsfs && x.path == file }) {
		t.Errorf("%d mounts, none of a namespace on %s", len(m.mounts), file)
	}
}
