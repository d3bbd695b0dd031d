// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"bufio"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/bench/load"
	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/nsfs"
	"github.com/nsinspect/nsinspect/internal/nstest"
	"github.com/nsinspect/nsinspect/internal/opener"
	"github.com/nsinspect/nsinspect/internal/testlock"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// checkIdentity compares a namespace with the truth of the scene that made it.
func checkIdentity(t *testing.T, n *ns.Namespace, truth nstest.Namespace) {
	t.Helper()
	if n == nil {
		t.Fatalf("namespace %d not found", truth.Inode)
	}
	if n.Cookie != truth.Cookie {
		t.Errorf("cookie %d, want %d", n.Cookie, truth.Cookie)
	}
	if n.NSID == nil || *n.NSID != int(truth.NSID) {
		t.Errorf("nsid %v, want %d", n.NSID, truth.NSID)
	}
	if own := ownNamespace(t, "user"); n.UserNS != own || n.OwnerUID != 0 {
		t.Errorf("owner user:[%d] of uid %d, want user:[%d] of uid 0", n.UserNS, n.OwnerUID, own)
	}
}

func ownNamespace(t *testing.T, name string) uint64 {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat("/proc/self/ns/"+name, &st); err != nil {
		t.Fatal(err)
	}
	return st.Ino
}

// What the walk can open is identified, by whatever holds it.
func TestIdentity(t *testing.T) {
	for _, kind := range []nstest.Kind{
		nstest.Process, nstest.Thread, nstest.ZombieLeader, nstest.Mount,
		nstest.FD, nstest.FDPath, nstest.FDThread, nstest.FDUnmounted, nstest.FDDetached,
	} {
		t.Run(string(kind), func(t *testing.T) {
			nstest.CheckLeaks(t)
			scene := nstest.Make(t, kind)
			checkIdentity(t, scanLive(t, Options{Details: true}).Find(scene.Inode), scene.Namespace)
			n := scanLive(t, Options{}).Find(scene.Inode)
			if n == nil || n.Cookie != 0 || n.UserNS != 0 || n.OwnerUID != -1 || n.NSID != nil {
				t.Errorf("identified though no details were asked for: %+v", n)
			}
		})
	}
}

// A name that was never given an ID has none, and asking gives it none.
func TestNoNSID(t *testing.T) {
	need.Root(t)
	testlock.Shared(t)
	need.Kernel(t, 5, 14, "cookies")
	cmd := exec.Command("unshare", "-n", "sh", "-c", "echo && exec sleep 100")
	pid := startReporting(t, cmd)
	for range 2 {
		n := inNamespaceOf(t, scanLive(t, Options{Details: true}), ns.Net, pid)
		if n.NSID != nil || n.Cookie == 0 {
			t.Errorf("nsid %v, cookie %d, want none and one", *n.NSID, n.Cookie)
		}
	}
}

// A mount in another mount namespace is reached through a process that sees it,
// a covered one by no path.
func TestOpenMount(t *testing.T) {
	nstest.CheckLeaks(t)
	private, mount := nstest.Make(t, nstest.MountPrivate), nstest.Make(t, nstest.Mount)
	h, err := host.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	d := opener.New(h, true)
	defer d.Close()
	for _, scene := range []*nstest.Scene{private, mount} {
		at := scene.Holders[0]
		holder := ns.Holder{Kind: ns.KindMount, PID: ns.TaskID(at.PID), Path: at.Path, MountNS: at.MountNS}
		n := ns.Namespace{Type: ns.Net, Inode: scene.Inode, OwnerUID: -1}
		n.Holders = []ns.Holder{holder}
		fd, err := d.Open(&n)
		if err != nil {
			t.Fatalf("not opened by %+v: %v", holder, err)
		}
		d.Identify(&n, fd)
		unix.Close(fd)
		checkIdentity(t, &n, scene.Namespace)

		n.Holders[0].Covered, n.Cookie = true, 0
		if _, err := d.Open(&n); err == nil {
			t.Errorf("opened by the path of a covered mount")
		}
	}
}

// What is at a holder's place by now is not what was seen there: another
// namespace, or a file that would block whoever opens it.
func TestReusedDescriptor(t *testing.T) {
	nstest.CheckLeaks(t)
	scene := nstest.Make(t, nstest.Process)
	fifo := t.TempDir() + "/fifo"
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	h, err := host.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	d := opener.New(h, true)
	defer d.Close()
	for _, name := range []string{fifo, "/proc/self/ns/net", "/proc/self/ns/mnt", "/dev/null"} {
		fd, err := unix.Open(name, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		n := ns.Namespace{Type: ns.Net, Inode: scene.Inode, OwnerUID: -1}
		n.Holders = []ns.Holder{{Kind: ns.KindFD, PID: ns.TaskID(os.Getpid()), FD: int32(fd)}}
		if got, err := d.Open(&n); err == nil {
			t.Errorf("%s taken for a namespace that was there before", name)
			unix.Close(got)
		}
		unix.Close(fd)
	}
	// The same inode, and another cookie: a namespace that has died since.
	n := ns.Namespace{Type: ns.Net, Inode: scene.Inode, OwnerUID: -1}
	n.Cookie, n.Holders = scene.Cookie-1, []ns.Holder{{Kind: ns.KindProcess, PID: ns.TaskID(scene.Holders[0].PID)}}
	if fd, err := d.Open(&n); err == nil {
		if nsfs.ID(fd) != 0 { // before Linux 6.18 nothing distinguishes them from outside
			t.Errorf("another namespace opened for %+v", n)
		}
		unix.Close(fd)
	}
}

// startReporting starts a command and waits until it prints a line.
func startReporting(t *testing.T, cmd *exec.Cmd) (pid int) {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		cmd.Wait()
	})
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		need.Missing(t, "needs "+strings.Join(cmd.Args, " ")+": "+err.Error())
	}
	return cmd.Process.Pid
}

func inNamespaceOf(t *testing.T, snap *ns.Snapshot, typ ns.Type, pid int) *ns.Namespace {
	t.Helper()
	for i := range snap.Namespaces {
		for _, h := range snap.Namespaces[i].Holders {
			if snap.Namespaces[i].Type == typ && h.Kind == ns.KindProcess && h.PID == ns.TaskID(pid) {
				return &snap.Namespaces[i]
			}
		}
	}
	t.Fatalf("no %s namespace of process %d", typ, pid)
	return nil
}

// An ordinary user's container is owned by a user namespace of that user.
func TestOwner(t *testing.T) {
	need.Root(t)
	testlock.Shared(t)
	const nobody = 65534
	cmd := exec.Command("unshare", "-Urn", "sh", "-c", "echo && exec sleep 100")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	pid := startReporting(t, cmd)
	snap := scanLive(t, Options{Details: true, Types: ns.Types()})
	net, user := inNamespaceOf(t, snap, ns.Net, pid), inNamespaceOf(t, snap, ns.User, pid)
	if net.UserNS != user.Inode || net.OwnerUID != nobody {
		t.Errorf("owner user:[%d] of uid %d, want %s of uid %d", net.UserNS, net.OwnerUID, user, nobody)
	}
	if user.UserNS != ownNamespace(t, "user") || user.OwnerUID != nobody || user.Cookie != 0 || user.NSID != nil {
		t.Errorf("user namespace %+v, want our own for its parent, and uid %d", user, nobody)
	}
	first := snap.Find(ns.User.InitialInode())
	if first == nil || first.UserNS != 0 || first.OwnerUID != 0 {
		t.Errorf("first user namespace %+v, want no parent, and root", first)
	}
	for _, typ := range ns.Types()[1:] {
		if n := inNamespaceOf(t, snap, typ, os.Getpid()); typ != ns.User && (n.UserNS == 0 || n.OwnerUID != 0 || n.Cookie != 0 || n.NSID != nil) {
			t.Errorf("%s: owner user:[%d] of uid %d, cookie %d, nsid %v", typ, n.UserNS, n.OwnerUID, n.Cookie, n.NSID)
		}
	}
}

func TestRecordedTreeHasNoIdentity(t *testing.T) {
	for _, n := range fakeMachine(t, "machine.txtar", Options{Details: true, Types: ns.Types()}).Namespaces {
		if n.Cookie != 0 || n.UserNS != 0 || n.OwnerUID != -1 || n.NSID != nil {
			t.Errorf("%+v has an identity that no recorded tree has", n)
		}
	}
}

// BenchmarkIdentify is what details cost for 200 namespaces beyond the scan.
func BenchmarkIdentify(b *testing.B) {
	need.Root(b)
	l, err := load.Start(load.Spec{Processes: 200, Namespaces: 200, Threads: 1})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	h, err := host.Open("/")
	if err != nil {
		b.Fatal(err)
	}
	defer h.Close()
	s, err := newScanner(Options{Host: h})
	if err != nil {
		b.Fatal(err)
	}
	snap := &ns.Snapshot{}
	if err := s.look(b.Context(), snap); err != nil {
		b.Fatal(err)
	}
	saved := append([]ns.Namespace{}, snap.Namespaces...)
	b.ReportAllocs()
	for b.Loop() {
		copy(snap.Namespaces, saved)
		s.identify(b.Context(), snap)
	}
}
