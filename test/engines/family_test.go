// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package engines

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/nstest"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/scan"
)

// checkFamily checks, by each engine that is asked for, what holds some namespaces and
// which parents they have.
func checkFamily(t *testing.T, engines []scan.Options, held map[uint64][]string, parents map[uint64]uint64) {
	t.Helper()
	for _, opts := range engines {
		opts.Types = []ns.Type{ns.User, ns.PID}
		nstest.Eventually(t, func() string {
			snap := look(t, opts)
			for inode, want := range held {
				n := snap.Find(inode)
				if diff := cmp.Diff(want, members(n)); diff != "" {
					return fmt.Sprintf("%s: namespace %d (-want +got):\n%s", snap.Engine, inode, diff)
				}
				if n != nil && n.Parent != parents[inode] {
					return fmt.Sprintf("%s: %s has the parent %d, want %d", snap.Engine, n, n.Parent, parents[inode])
				}
			}
			if i := slices.IndexFunc(snap.Namespaces, func(n ns.Namespace) bool { return n.Type != ns.User && n.Type != ns.PID }); i >= 0 {
				return fmt.Sprintf("%s: %s is listed, which was not asked for", snap.Engine, &snap.Namespaces[i])
			}
			return ""
		})
	}
}

func both(t *testing.T) []scan.Options {
	t.Helper()
	engines := optionsOf(t)
	return engines[:]
}

func ownInode(t *testing.T, typ ns.Type) uint64 {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat("/proc/self/ns/"+typ.String(), &st); err != nil {
		t.Fatal(err)
	}
	return st.Ino
}

func notListed(inodes ...uint64) map[uint64][]string {
	gone := map[uint64][]string{}
	for _, inode := range inodes {
		gone[inode] = []string{"not listed"}
	}
	return gone
}

// A user namespace that no process is in lives by the namespaces that it owns and by the
// user namespaces below it, and as long as they do.
func TestUserNamespaceWithoutProcess(t *testing.T) {
	engines := both(t)
	f := startFamily(t, unix.CLONE_NEWUSER|unix.CLONE_NEWNET, unix.CLONE_NEWUSER, unix.CLONE_NEWUSER)
	low := f.open(ns.User)
	middle := above(t, low, unix.NS_GET_PARENT)
	net := f.open(ns.Net)
	top := above(t, net, unix.NS_GET_USERNS)
	inner := inodeOf(t, low)
	low.Close()
	net.Close()
	checkFamily(t, engines, map[uint64][]string{
		top:    {fmt.Sprintf("net:[%d]", f.inode(ns.Net)), fmt.Sprintf("user:[%d]", middle)},
		middle: {fmt.Sprintf("user:[%d]", inner)},
		inner:  {"process"},
	}, map[uint64]uint64{top: ownInode(t, ns.User), middle: top, inner: middle})
	f.end()
	checkFamily(t, engines, notListed(top, middle, inner), nil)
}

// A user namespace lives by a network namespace that it owns and a bind mount alone keeps.
func TestUserNamespaceOfAMount(t *testing.T) {
	engines := both(t)
	f := startFamily(t, unix.CLONE_NEWUSER|unix.CLONE_NEWNET)
	user, net := f.inode(ns.User), f.inode(ns.Net)
	path := filepath.Join(t.TempDir(), "net")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("/proc/"+f.pid+"/ns/net", path, "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(path, unix.MNT_DETACH) })
	f.end()
	checkFamily(t, engines, map[uint64][]string{user: {fmt.Sprintf("net:[%d]", net)}}, map[uint64]uint64{user: ownInode(t, ns.User)})
	if err := unix.Unmount(path, 0); err != nil {
		t.Fatal(err)
	}
	checkFamily(t, engines, notListed(user), nil)
}

// One that owns nothing but a network namespace that a socket keeps is on no path: the bpf
// engine lists it, and the proc engine has a gap.
func TestUserNamespaceOfASocket(t *testing.T) {
	engines := both(t)
	f := startFamily(t, unix.CLONE_NEWUSER|unix.CLONE_NEWNET)
	user, net := f.inode(ns.User), f.open(ns.Net)
	socket := make(chan int)
	go func() {
		runtime.LockOSThread() // and never unlock: the thread ends there
		if err := unix.Setns(int(net.Fd()), unix.CLONE_NEWNET); err != nil {
			socket <- -1
			return
		}
		s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			s = -1
		}
		socket <- s
	}()
	s := <-socket
	if s < 0 {
		t.Fatal("no socket")
	}
	inode := inodeOf(t, net)
	net.Close()
	f.end()
	checkFamily(t, engines[bpfEngine:], map[uint64][]string{user: {fmt.Sprintf("net:[%d]", inode)}}, map[uint64]uint64{user: ownInode(t, ns.User)})
	if !need.KernelIs(t, 6, 19) { // whose listns(2) has cookies, by which it can be opened
		opts := engines[proc]
		opts.Types = []ns.Type{ns.User}
		snap := look(t, opts)
		if !slices.ContainsFunc(snap.Gaps, func(g ns.Gap) bool { return g.Of("child") && strings.Contains(g.Path, fmt.Sprint(inode)) }) {
			t.Errorf("proc: gaps %v, want one for the owner of net:[%d]", snap.Gaps, inode)
		}
	}
	unix.Close(s)
	checkFamily(t, engines, notListed(user), nil)
}

// A PID namespace lives by those below it, also when all its processes have been ended.
func TestDeadParentOfPIDNamespace(t *testing.T) {
	engines := both(t)
	f := startFamily(t, unix.CLONE_NEWPID, unix.CLONE_NEWPID)
	low := f.open(ns.PID)
	top, inner := above(t, low, unix.NS_GET_PARENT), inodeOf(t, low)
	parents := map[uint64]uint64{top: ownInode(t, ns.PID), inner: top}
	checkFamily(t, engines, map[uint64][]string{
		top:   {"process", fmt.Sprintf("pid:[%d]", inner)},
		inner: {"process", "fd"},
	}, parents)
	f.end()
	checkFamily(t, engines, map[uint64][]string{top: {fmt.Sprintf("pid:[%d]", inner)}, inner: {"fd"}}, parents)
	low.Close()
	checkFamily(t, engines, notListed(top, inner), nil)
}
