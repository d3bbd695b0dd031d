// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/explain"
	"github.com/nsinspect/nsinspect/internal/mounts"
	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/nstest"
	"github.com/nsinspect/nsinspect/internal/testlock"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// checkSeer checks that a mount has the process that sees it or else, as far as this source can
// know, what pins its mount namespace.
func checkSeer(t *testing.T, got *ns.Holder, want *nstest.Holder) {
	t.Helper()
	if want.PID != 0 && got.PID != ns.TaskID(want.PID) || want.Pin != nil && got.PID != 0 {
		t.Errorf("seen by %d, want %d", got.PID, want.PID)
	}
	if want.Pin == nil || want.Pin.Kind != "mount" {
		return
	}
	if p := got.Pin; p == nil || p.Kind != ns.KindMount || p.PID != ns.TaskID(want.Pin.PID) || p.Path != want.Pin.Path ||
		p.MountNS != want.Pin.MountNS || int(p.MountID) != want.Pin.MountID {
		t.Errorf("pinned by %+v, want %+v", got.Pin, want.Pin)
	}
}

// A mount below a detached one is in an anonymous mount namespace, which is on
// no list, has no nsfs file, and whose mounts listmount and statmount do not
// find (fs/namespace.c, alloc_mnt_ns and mnt_ns_tree_add, 6.18). A verdict states
// that detached mounts were not looked at.
func TestDetachedMountStaysUnseen(t *testing.T) {
	scene := nstest.Make(t, nstest.MountTree)
	snap := scanLive(t, Options{})
	if n := snap.Find(scene.Inode); n != nil && n.Count(ns.KindMount) > 0 {
		t.Errorf("%+v: this kernel shows detached mounts: expect it", n.Holders)
	}
	if unread := snap.Unread(); !slices.Contains(unread, "detached mounts") {
		t.Errorf("not looked at: %q", unread)
	}
}

// listsMountNamespaces needs a kernel that lists those without a process.
func listsMountNamespaces(t *testing.T) {
	t.Helper()
	need.Kernel(t, 6, 12, "NS_MNT_GET_NEXT")
}

// oldKernel scans as on a kernel that does not list mount namespaces.
func oldKernel(t *testing.T) *ns.Snapshot {
	t.Helper()
	s, err := newScanner(Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.host.Close()
	s.mounts.List = func() ([]mounts.Listed, error) { return nil, unix.ENOTTY }
	snap, err := s.scan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return snap
}

func gapOf(s *ns.Snapshot, mountNS uint64) string {
	for _, g := range s.Gaps {
		if g.Of("mount") && g.Path == ns.FormatLink(ns.Mnt, mountNS) {
			return g.Err.Error()
		}
	}
	return ""
}

func TestMountsOnAnOldKernel(t *testing.T) {
	listsMountNamespaces(t)
	private, held, nested := nstest.Make(t, nstest.MountPrivate), nstest.Make(t, nstest.MountFD), nstest.Make(t, nstest.MountMount)
	snap := oldKernel(t)
	if n := snap.Find(private.Inode); n == nil || n.Holders[0].PID != ns.TaskID(private.Holders[0].PID) {
		t.Errorf("namespace %+v, want the mount that a process sees", n)
	}
	if snap.MountsAll || !slices.Contains(snap.Unread(), "mount namespaces that no process is in") {
		t.Errorf("not looked at: %q, want mount namespaces that no process is in", snap.Unread())
	}
	if got := gapOf(snap, nested.Holders[0].MountNS); !strings.Contains(got, "from Linux 6.12 on") {
		t.Errorf("gap %q, want the mount namespace that is mounted", got)
	}
	if got := gapOf(snap, held.Holders[0].MountNS); !strings.Contains(got, "from Linux 6.12 on") {
		t.Errorf("gap %q, want the mount namespace that a file keeps", got)
	}
	if now := scanLive(t, Options{}); gapOf(now, nested.Holders[0].MountNS) != "" || !now.MountsAll {
		t.Errorf("gaps %v where the kernel lists mount namespaces", now.Gaps)
	}
}

// inMountNS runs f on a thread in a mount namespace of its own, and keeps the
// thread there until the test ends. It returns its ID.
func inMountNS(t *testing.T, f func() error) int {
	t.Helper()
	need.Root(t)
	testlock.Shared(t)
	ready, done, ended := make(chan error), make(chan bool), make(chan bool)
	var tid int
	go func() {
		runtime.LockOSThread() // and ends with the goroutine
		defer close(ended)
		tid = unix.Gettid()
		err := unix.Unshare(unix.CLONE_NEWNS)
		if err == nil {
			err = unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
		}
		if err == nil {
			err = dropNames()
		}
		if err == nil {
			err = f()
		}
		ready <- err
		<-done
	}()
	t.Cleanup(func() { close(done); <-ended })
	if err := <-ready; err != nil {
		t.Fatal(err)
	}
	return tid
}

// dropNames takes the copies of other tests' mounts out of the calling thread's
// mount namespace: they would hold their namespaces.
func dropNames() error {
	text, err := os.ReadFile("/proc/thread-self/mountinfo")
	if err != nil {
		return err
	}
	table, err := mounts.Parse(strings.NewReader(string(text)))
	for _, m := range slices.Backward(table) {
		if err == nil && m.FSType == "nsfs" {
			err = unix.Unmount(m.Mountpoint, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
		}
	}
	return err
}

func bindTo(file string, paths ...string) error {
	for _, p := range paths {
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(p, nil, 0o644); err != nil {
			return err
		}
		if err := unix.Mount(file, p, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("mount on %s: %w", p, err)
		}
	}
	return nil
}

func mountsOf(n *ns.Namespace) (paths []string, holders []ns.Holder) {
	for _, h := range n.Holders {
		if h.Kind == ns.KindMount {
			paths, holders = append(paths, h.Path), append(holders, h)
		}
	}
	return paths, holders
}

// A thread alone can see a mount namespace.
func TestMountSeenByAThread(t *testing.T) {
	scene := nstest.Make(t, nstest.Process)
	at := filepath.Join(t.TempDir(), "ns")
	tid := inMountNS(t, func() error { return bindTo(scene.File(), at) })
	for _, snap := range []*ns.Snapshot{scanLive(t, Options{}), oldKernel(t)} {
		_, holders := mountsOf(snap.Find(scene.Inode))
		if len(holders) != 1 || holders[0].PID != ns.TaskID(os.Getpid()) || holders[0].TID != ns.TaskID(tid) || holders[0].Path != at {
			t.Errorf("mounts %+v, want one that thread %d sees", holders, tid)
		}
		verdict := explain.Verdict(snap.Find(scene.Inode), snap)
		if want := fmt.Sprintf("unmount %s in the mount namespace of thread %d of pid %d", at, tid, os.Getpid()); !strings.Contains(verdict, want) {
			t.Errorf("verdict %q, want %q", verdict, want)
		}
	}
}

// Where all that see a mount namespace are in a chroot, the kernel's own list
// has the rest; without it that is a gap.
func TestMountOutsideOfAChroot(t *testing.T) {
	listsMountNamespaces(t)
	scene := nstest.Make(t, nstest.Process)
	dir := t.TempDir()
	in, out := filepath.Join(dir, "jail/ns"), filepath.Join(dir, "out")
	tid := inMountNS(t, func() error {
		if err := bindTo(scene.File(), in, out); err != nil {
			return err
		}
		return unix.Chroot(filepath.Join(dir, "jail"))
	})
	snap := scanLive(t, Options{})
	paths, holders := mountsOf(snap.Find(scene.Inode))
	if !slices.Equal(paths, []string{in, out}) || holders[0].TID != ns.TaskID(tid) || holders[1].TID != ns.TaskID(tid) {
		t.Errorf("mounts %+v, want %s and %s, seen by %d", holders, in, out, tid)
	}
	if got := gapOf(snap, holders[0].MountNS); got != "" {
		t.Errorf("gap %q", got)
	}
	old := oldKernel(t)
	paths, _ = mountsOf(old.Find(scene.Inode))
	if !slices.Equal(paths, []string{in}) || !strings.Contains(gapOf(old, holders[0].MountNS), dir+"/jail") {
		t.Errorf("mounts at %q, gaps %v, want what the chroot shows, and a gap", paths, old.Gaps)
	}
}

// A plain file in a names directory can be a live pin elsewhere.
func TestPlainFileThatIsAPinElsewhere(t *testing.T) {
	scene := nstest.Make(t, nstest.Process)
	dir := nstest.NewNames(t)
	pin, plain := dir.File("pin", ""), dir.File("plain", "")
	inMountNS(t, func() error { return unix.Mount(scene.File(), pin, "", unix.MS_BIND, "") })
	reasons := map[string]string{}
	for _, s := range scanLive(t, Options{NamesDirs: []string{dir.Dir}}).Dangling {
		reasons[s.Path] = s.Reason
	}
	if want := "a plain file here, but " + ns.FormatLink(ns.Net, scene.Inode) + " is mounted on it in the mount namespace of PID "; !strings.HasPrefix(reasons[pin], want) {
		t.Errorf("the pin is %q, want %q", reasons[pin], want)
	}
	if !strings.HasPrefix(reasons[plain], "a plain file; ") {
		t.Errorf("the other is %q", reasons[plain])
	}
}
