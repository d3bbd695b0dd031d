// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"fmt"
	"iter"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
	"github.com/nsinspect/nsinspect/pkg/scan"
)

const inode = 4026532100

// fakeOwners has whose each process is, and whose the namespace.
type fakeOwners struct {
	of         map[ns.TaskID]*owner.Owner
	whole      *owner.Owner
	containers []owner.Container
}

func (f fakeOwners) Of(pid ns.TaskID, _ time.Duration) *owner.Owner    { return f.of[pid] }
func (f fakeOwners) Namespace(*ns.Namespace) *owner.Owner              { return f.whole }
func (f fakeOwners) Holder(_ *ns.Namespace, h *ns.Holder) *owner.Owner { return f.of[h.PID] }
func (f fakeOwners) Containers() []owner.Container                     { return f.containers }

// adviser is one on this machine, for whom this test's process is in mount namespace 7.
func adviser(t *testing.T, owners *fakeOwners) (*Adviser, *machine) {
	t.Helper()
	m := newMachine(t)
	m.at = map[string]uint64{"/run/netns/blue": inode, "/srv/ns": inode}
	m.links[fmt.Sprintf("%d/ns/mnt", os.Getpid())] = 7
	var find func() Owners
	if owners != nil {
		find = func() Owners { return *owners }
	}
	a := New(&ns.Snapshot{MountNS: 1, NamesDirs: []string{"/run/netns"}}, m, find)
	a.busybox, a.confined = false, false
	a.Process = func(pid ns.TaskID) *ns.Process {
		p, err := scan.ReadProcess(m.Host, pid)
		if err != nil {
			return nil
		}
		return p
	}
	return a, m
}

// own is a holder of this test's process.
func own(t *testing.T, k ns.Kind) ns.Holder {
	t.Helper()
	m := newMachine(t)
	p, err := scan.ReadProcess(m.Host, ns.TaskID(os.Getpid()))
	if err != nil {
		t.Fatal(err)
	}
	return ns.Holder{Kind: k, PID: p.PID, FD: 5, Process: p, Socket: ns.NewSocket(ns.SocketWords{Family: "inet", Type: "stream"})}
}

func mountAt(path string, mountNS uint64) ns.Holder {
	return ns.Holder{Kind: ns.KindMount, Path: path, MountNS: mountNS, MountID: 40, Authority: ns.RootAuthority}
}

func netns(holders ...ns.Holder) *ns.Namespace {
	return &ns.Namespace{Type: ns.Net, Inode: inode, Cookie: 4101, Holders: holders}
}

// like demands commands that have these parts, in order, and no others.
func like(t *testing.T, fixes iter.Seq[Fix], parts ...string) {
	t.Helper()
	got := Commands(fixes)
	if !slices.EqualFunc(got, parts, strings.Contains) {
		t.Errorf("commands %q, want %q; advice %q", got, parts, Advice(fixes))
	}
}

func TestDescriptorsComeBeforeNames(t *testing.T) {
	a, _ := adviser(t, nil)
	kill := fmt.Sprintf("kill %d", os.Getpid())
	like(t, a.Free(netns(mountAt("/run/netns/blue", 1), own(t, ns.KindSocket))), kill, "ip netns del blue")
	like(t, a.Free(netns(mountAt("/srv/ns", 1), own(t, ns.KindFD))), kill, "umount -l -- /srv/ns")
	like(t, a.Free(netns(mountAt("/srv/ns", 1))), "umount -- /srv/ns")
	for want, n := range map[string]*ns.Namespace{
		"its name alone keeps it":                   netns(mountAt("/srv/ns", 1)),
		"so does what processes elsewhere have":     netns(mountAt("/srv/ns", 1), own(t, ns.KindFD)),
		"so do mounts in other mount namespaces":    netns(mountAt("/srv/ns", 1), mountAt("/srv/ns", 7)),
		"keeps it, and so does what processes else": netns(mountAt("/run/netns/blue", 1), own(t, ns.KindSocket)),
	} {
		if text := a.NoProcess(n); !strings.Contains(text.Summary, want) {
			t.Errorf("summary %q, want %q", text.Summary, want)
		}
	}
}

func TestOwnersComeFirst(t *testing.T) {
	pid := ns.TaskID(os.Getpid())
	root := ns.RootAuthority
	id := strings.Repeat("ab", 32)
	for _, c := range []struct {
		about string
		owner owner.Owner
		kind  ns.Kind
		want  string
	}{
		{"a container", owner.Owner{Runtime: "docker", Name: "web", Authority: root}, ns.KindProcess, "docker stop -- web"},
		{"a container with a leak", owner.Owner{Runtime: "docker", Name: "web", Authority: root}, ns.KindFD, "docker restart -- web"},
		{"one of two of that name", owner.Owner{Runtime: "docker", Name: "web", ID: id, Namesake: true, Authority: root}, ns.KindProcess, "docker stop -- " + id},
		{"one of two, with a leak", owner.Owner{Runtime: "podman", Name: "web", ID: id, Namesake: true, Authority: root}, ns.KindFD, "podman restart -- " + id},
		{"a container in a project", owner.Owner{Runtime: "incus", Name: "lab_web", Authority: root}, ns.KindProcess, "incus stop --project=lab -- web"},
		{"one in a project, with a leak", owner.Owner{Runtime: "lxd", Name: "lab_web", Authority: root}, ns.KindFD, "lxc restart --project=lab -- web"},
		{"a container in a container", owner.Owner{Runtime: "lxc", Name: "web", Guest: true, Authority: root}, ns.KindProcess, "&& kill "},
		{"a pod in a container", owner.Owner{Runtime: "containerd", Pod: "x/y", ID: id, Guest: true, Authority: root}, ns.KindProcess, "&& kill "},
		{"a pod in a container, with a leak", owner.Owner{Runtime: "containerd", Pod: "x/y", Name: "c", ID: id, Guest: true, Authority: root}, ns.KindFD, "&& kill "},
		{"a service", owner.Owner{Runtime: "systemd", Unit: "a.service", Authority: root}, ns.KindProcess, "systemctl stop -- a.service"},
		{"a service with a leak", owner.Owner{Runtime: "systemd", Unit: "a.service", Authority: root}, ns.KindSocket, "systemctl restart -- a.service"},
		{"a pod", owner.Owner{Runtime: "containerd", Pod: "x/y", ID: id, Authority: root}, ns.KindProcess, "crictl stopp -- " + id},
		{"a pod with a leak", owner.Owner{Runtime: "containerd", Pod: "x/y", Name: "c", ID: id, Authority: root}, ns.KindFD, "kubectl delete pod --namespace=x -- y"},
		{"a static pod", owner.Owner{Runtime: "containerd", Pod: "x/y", ID: id, Static: true, Authority: root}, ns.KindProcess, "crictl stopp -- " + id},
		{"a static pod with a leak", owner.Owner{Runtime: "containerd", Pod: "x/y", Name: "c", ID: id, Static: true, Authority: root}, ns.KindFD, "crictl stop -- " + id},
		{"a static pod's of unknown ID", owner.Owner{Runtime: "kubernetes", Pod: "x/y", Static: true, Authority: root}, ns.KindFD, "&& kill "},
		{"a user's container", owner.Owner{Runtime: "podman", Name: "web", Authority: ns.UserAuthority(1000)}, ns.KindProcess, "&& kill "},
		{"nobody knows whose", owner.Owner{Runtime: "docker", Name: "web"}, ns.KindProcess, "&& kill "},
		{"a login", owner.Owner{Runtime: "systemd", Unit: "session-3.scope", Authority: root}, ns.KindProcess, "&& kill "},
		{"a user's services", owner.Owner{Runtime: "systemd", Unit: "user@1000.service", Authority: root}, ns.KindProcess, "&& kill "},
		{"a pattern", owner.Owner{Runtime: "systemd", Unit: "*.service", Authority: root}, ns.KindProcess, "&& kill "},
	} {
		t.Run(c.about, func(t *testing.T) {
			a, _ := adviser(t, &fakeOwners{of: map[ns.TaskID]*owner.Owner{pid: &c.owner}})
			like(t, a.Free(netns(own(t, c.kind))), c.want)
		})
	}
}

// Docker removes the name that it made when it stops the container, and no other.
func TestRuntimeRemovesItsName(t *testing.T) {
	o := &owner.Owner{Runtime: "docker", Name: "web", Authority: ns.RootAuthority}
	a, m := adviser(t, &fakeOwners{
		of: map[ns.TaskID]*owner.Owner{ns.TaskID(os.Getpid()): o}, whole: o,
		containers: []owner.Container{{Owner: *o, NetNS: inode, Sandbox: "/var/run/docker/netns/0a1b"}},
	})
	m.at["/run/docker/netns/0a1b"] = inode
	like(t, a.Free(netns(own(t, ns.KindProcess), mountAt("/run/docker/netns/0a1b", 1), mountAt("/run/netns/blue", 1))), "docker stop -- web", "ip netns del blue")
	like(t, a.Free(netns(mountAt("/run/docker/netns/0a1b", 1))), "umount -- /run/docker/netns/0a1b")
}

// A path is looked at before a command has it.
func TestPathsAreLookedAt(t *testing.T) {
	a, m := adviser(t, nil)
	task := fmt.Sprint(os.Getpid())
	elsewhere := mountAt("/run/netns/blue", 7)
	elsewhere.PID = ns.TaskID(os.Getpid())
	like(t, a.Free(netns(elsewhere))) // nothing is at /proc/PID/root/run/netns/blue
	m.at["/proc/"+task+"/root/run/netns/blue"] = inode
	like(t, a.Free(netns(elsewhere)), "umount -i -n -N "+task+" -- /run/netns/blue")
	m.root = "/host" // the only process there is in a chroot
	like(t, a.Free(netns(elsewhere)))
	elsewhere.Path = "/host/run/netns/blue"
	like(t, a.Free(netns(elsewhere)), "umount -i -n -N "+task+" -- /host/run/netns/blue")
	elsewhere.Covered = true
	like(t, a.Free(netns(elsewhere)))
	elsewhere.Covered, elsewhere.MountNS = false, 8 // it has left that mount namespace
	like(t, a.Free(netns(elsewhere)))

	m.at["/run/netns/blue"] = inode + 1
	like(t, a.Free(netns(mountAt("/run/netns/blue", 1))))
	delete(m.at, "/run/netns/blue")
	like(t, a.Free(netns(mountAt("/run/netns/blue", 1))))
}

func TestBusyBoxEntersNoMountNamespace(t *testing.T) {
	a, m := adviser(t, nil)
	a.busybox = true
	h := mountAt("/srv/ns", 7)
	h.PID = ns.TaskID(os.Getpid())
	m.at[fmt.Sprintf("/proc/%d/root/srv/ns", h.PID)] = inode
	free := a.Free(netns(h))
	like(t, free)
	if advice := Advice(free); len(advice) != 1 || !strings.HasPrefix(advice[0], "Unmount /srv/ns in the mount namespace of ") {
		t.Errorf("advice %q", advice)
	}
}

// A mount namespace that is mounted here is unmounted here.
func TestPinnedHere(t *testing.T) {
	a, m := adviser(t, nil)
	m.at["/srv/mnt"] = 9
	pin := mountAt("/srv/mnt", 1)
	h := mountAt("/x", 9)
	h.Pin = &pin
	like(t, a.Free(netns(h)), "umount -- /srv/mnt")
	m.at["/srv/mnt"] = 10
	like(t, a.Free(netns(h)))
}

// No command goes where a user can lead it.
func TestUsersPaths(t *testing.T) {
	a, m := adviser(t, nil)
	user := ns.UserAuthority(1000)
	m.at["/home/u/ns"] = inode
	mine := mountAt("/home/u/ns", 1)
	mine.Authority = user
	free := a.Free(netns(mine))
	like(t, free)
	if advice := Advice(free); len(advice) != 1 || !strings.Contains(advice[0], "uid 1000 controls the path") {
		t.Errorf("advice %q", advice)
	}
	s := &ns.DanglingName{Path: "/run/user/1000/netns/x", Kind: ns.NameFile, Authority: user}
	link := &ns.DanglingName{Path: "/run/user/1000/netns/y", Kind: ns.NameSymlink, Authority: user}
	use := NameUse{netns(), ns.Name{Name: "ns", Path: "/home/u/ns", Authority: user}}
	pinned := *s
	pinned.Pins = []ns.Pin{{Type: ns.Net, Inode: inode, Mount: mountAt("/srv/ns", 7)}}
	for about, text := range map[string]Text{
		"leftover-file": a.LeftoverFile(s), "dangling-link": a.DanglingLink(link, true, ""),
		"duplicate-name": a.DuplicateName([]NameUse{use}, use), "covered-name": a.CoveredName(netns(), []*ns.Holder{&mine}, []*ns.Namespace{nil}),
		"reused-pid": a.ReusedPID(netns(), ns.Name{Path: link.Path, Authority: user}, &ns.Process{PID: 1}, time.Time{}),
		"live-pin":   a.LivePin(&pinned, netns()),
	} {
		if len(text.Fix)+len(text.Alternative) > 0 || len(text.Advice) == 0 || !strings.Contains(strings.Join(append(text.Advice, text.Evidence...), " "), "uid 1000") {
			t.Errorf("%s: commands %q, advice %q, want words that name the user", about, text.Fix, text.Advice)
		}
	}
}

// A mount namespace that a user owns is not entered: whatever is run there may be the
// user's. The processes that keep it are ended.
func TestUsersMountNamespace(t *testing.T) {
	a, m := adviser(t, nil)
	pid := ns.TaskID(os.Getpid())
	m.at[fmt.Sprintf("/proc/%d/root/srv/ns", pid)] = inode
	a.Snapshot.Namespaces = []ns.Namespace{{Type: ns.Net, Inode: 5, Initial: true, Holders: []ns.Holder{own(t, ns.KindProcess)}}}
	h := mountAt("/srv/ns", 7)
	h.PID, h.Authority = pid, ns.UserAuthority(1000)
	like(t, a.Free(netns(h)), fmt.Sprintf("&& kill %d", pid))
	pinned := ns.DanglingName{Path: "/run/netns/old", Authority: ns.RootAuthority, Pins: []ns.Pin{{Type: ns.Net, Inode: inode, Mount: h}}}
	text := a.LivePin(&pinned, netns(h))
	if len(text.Fix) != 1 || !strings.Contains(text.Fix[0], "&& kill ") || len(text.Alternative) > 0 || !strings.Contains(text.Advice[0], "uid 1000") {
		t.Errorf("commands %q, alternative %q, advice %q", text.Fix, text.Alternative, text.Advice)
	}
}

// The PIDs of another PID namespace are other processes' here.
func TestPIDsOfAnotherPIDNamespace(t *testing.T) {
	a, m := adviser(t, nil)
	m.other = true
	h := mountAt("/srv/ns", 7)
	h.PID = ns.TaskID(os.Getpid())
	m.at[fmt.Sprintf("/proc/%d/root/srv/ns", h.PID)] = inode
	free := a.Free(netns(own(t, ns.KindProcess), own(t, ns.KindFD), h))
	like(t, free)
	if advice := strings.Join(Advice(free), " "); !strings.Contains(advice, fmt.Sprintf("(pid %d, started 20", os.Getpid())) {
		t.Errorf("advice %q, want the PID with its start time", advice)
	}
}

// A process that has ended since is not ended again.
func TestReusedPIDIsNotKilled(t *testing.T) {
	a, _ := adviser(t, nil)
	h := own(t, ns.KindFD)
	before := *h.Process
	before.Started = before.Started.Add(-time.Minute)
	h.Process = &before
	like(t, a.Free(netns(h)))
	h.Process = nil
	like(t, a.Free(netns(h))) // nothing is known of it
	h.PID = 1
	like(t, a.Free(netns(h)))
}

func TestHostIsNotFreed(t *testing.T) {
	a, _ := adviser(t, nil)
	if free := slices.Collect(a.Free(&ns.Namespace{Initial: true, Holders: []ns.Holder{own(t, ns.KindProcess)}})); len(free) > 0 {
		t.Errorf("steps %+v to free the host's own namespace", free)
	}
}

// A name that is given to a namespace is none that something has already.
func TestFreshName(t *testing.T) {
	a, m := adviser(t, nil)
	m.at["/run/netns/blue-2"], m.at["/srv/ns-2"] = inode+1, inode+1
	a.Snapshot.Dangling = []ns.DanglingName{{Path: "/run/netns/blue-3"}}
	n, over := netns(), &ns.Namespace{Type: ns.Net, Inode: inode}
	name := ns.Name{Name: "blue", Path: "/run/netns/blue", Kind: ns.NameMount, Authority: ns.RootAuthority}
	covered := mountAt("/srv/ns", 1)
	for want, got := range map[string]string{
		"mount --bind -- /run/netns/blue /run/netns/blue-4 &&": a.rename(NameUse{Namespace: n, Name: name}).Command,
		"mount --bind -- /srv/ns /srv/ns-3 &&":                 a.uncover(n, &covered, over).Command,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
