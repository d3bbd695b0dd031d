// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// mounts makes a machine in which names are bind mounts without processes.
func mounts(names ...string) string {
	info := "-- proc/1/mountinfo --\n20 1 8:1 / / rw - ext4 /dev/sda1 rw\n22 20 0:21 / /run rw shared:5 - tmpfs tmpfs rw\n"
	files := ""
	for i, name := range names {
		parent := 20
		if strings.HasPrefix(name, "/run/") {
			parent = 22
		}
		info += fmt.Sprintf("%d %d 0:4 net:[%d] %s rw - nsfs nsfs rw\n", 40+i, parent, 4026532100+i, name)
		files += "-- " + name[1:] + " --\n"
	}
	return info + files
}

// What is meant to have no process is no finding, as long as there is somebody
// who means it.
func TestByDesign(t *testing.T) {
	swarm := mounts("/run/docker/netns/ingress_sbox", "/run/docker/netns/1-q2sv1n7yhl", "/run/docker/netns/lb_0gq6vrn2h")
	dockerd := "-- proc/500 (process) --\ncomm dockerd\ncmdline dockerd\nnet 4026531840\n"
	expect(t, examineFake(t, swarm+dockerd))
	expect(t, examineFake(t, swarm), "dead-container warning", "dead-container warning", "dead-container warning")
	pool := mounts("/var/lib/buildkit/net/cni/u5vxpk0d6rqx1c4bmmzs3khn7")
	expect(t, examineFake(t, pool+"-- proc/500 (process) --\ncomm buildkitd\nnet 4026531840\n"))
	expect(t, examineFake(t, pool), "no-process warning")
	// The name alone does not do.
	expect(t, examineFake(t, mounts("/run/netns/ingress_sbox")+dockerd), "no-process warning")
}

// A plain file of Docker's is for dockerd to remove, if it was running when the
// file was made.
func TestDockerLeftoverFile(t *testing.T) {
	const file = "-- run/docker/netns/0e166a1c5257 --\n"
	expect(t, examineFake(t, file+"-- proc/500 (process) --\ncomm dockerd\nnet 4026531840\n"))
	expect(t, examineFake(t, file), "leftover-file warning")
	expect(t, examineFake(t, file+"-- proc/500 (process) --\ncomm dockerd\nstart 200000000000\nnet 4026531840\n"), "leftover-file warning")
	expect(t, examineFake(t, "-- run/docker/netns/web --\n-- proc/500 (process) --\ncomm dockerd\nnet 4026531840\n"), "leftover-file warning")
}

// private makes a process in a mount namespace of its own, in which a namespace is
// mounted on a file that is a plain one on the host.
func private(name string, inside uint64) string {
	return "-- " + name[1:] + " --\n" + "-- proc/300 (process) --\ncomm podman\n" + fmt.Sprintf("net %d\nmnt 4026532900\n", inside) +
		"-- proc/300/mountinfo --\n50 1 8:1 / / rw - ext4 /dev/sda1 rw\n52 50 0:21 / /run rw - tmpfs tmpfs rw\n" +
		"53 52 0:4 net:[4026532100] " + name + " rw - nsfs nsfs rw\n"
}

// Runtimes may keep names where only they see them. As long as somebody is in
// these namespaces, their files are no trouble, and no waste either.
func TestPrivateNames(t *testing.T) {
	rootless := "/run/user/1000/netns/netns-0a1b2c3d-1111-2222-3333-444455556666"
	for _, name := range []string{rootless, "/run/docker/netns/0e166a1c5257", "/run/snap.docker/netns/0e166a1c5257"} {
		expect(t, examineFake(t, private(name, 4026532100)))
		expect(t, examineFake(t, private(name, 4026531840)), "live-pin warning") // nobody is in it
	}
	expect(t, examineFake(t, private("/run/netns/blue", 4026532100)), "live-pin warning")
	// An OpenShift node: CRI-O's names, of pods that run.
	id := strings.Repeat("ab", 32)
	expect(t, examineFake(t, private("/run/netns/0a1b2c3d-1111-2222-3333-444455556666", 4026532100)+
		"-- proc/300/cgroup --\n0::/kubepods.slice/kubepods-pod1.slice/crio-"+id+".scope\n"))
}

func TestDeadPod(t *testing.T) {
	id := strings.Repeat("ab", 32)
	r := examineFake(t, mounts("/run/netns/cni-0a1b2c3d-1111-2222-3333-444455556666")+
		"-- var/lib/cni/results/k8s-"+id+"-eth0 --\n"+
		`{"kind":"cniCacheV1","containerId":"`+id+`","netns":"/var/run/netns/cni-0a1b2c3d-1111-2222-3333-444455556666",`+
		`"cniArgs":[["K8S_POD_NAMESPACE","default"],["K8S_POD_NAME","web-1"]],"result":{"ips":[{"address":"10.0.0.7/24"}]}}`+"\n"+
		"-- var/run -> /run --\n")
	expect(t, r, "dead-container warning")
	f := r.Findings[0]
	if f.Owner == nil || f.Owner.Pod != "default/web-1" {
		t.Errorf("finding %+v", f)
	}
	if text := strings.Join(f.Evidence, "\n"); !strings.Contains(text, "10.0.0.7") {
		t.Errorf("evidence %q, want the pod's address", text)
	}
}

// held makes the namespace of a machine's one mount held by something more, or by
// that alone.
func held(h ns.Holder, alone bool) func(*ns.Snapshot) {
	return func(s *ns.Snapshot) {
		n := s.Find(4026532100)
		if alone {
			n.Holders, n.Names = nil, nil
		}
		n.Holders = append(n.Holders, h)
	}
}

// What a program elsewhere keeps on purpose, and what only looks so.
func TestKeptOnPurpose(t *testing.T) {
	const keepers = "-- proc/300 (process) --\ncomm haproxy\nnet 4026531840\n-- proc/301 (process) --\ncomm systemd\nnet 4026531840\n" +
		"-- proc/302 (process) --\ncomm pasta\nnet 4026531840\n"
	for _, c := range []struct {
		about, name string
		holder      ns.Holder
		alone       bool
		want        []string
	}{
		{"a proxy listens there", "/run/netns/web", ns.Holder{Kind: ns.KindSocket, PID: 300, FD: 5, Socket: ns.NewSocket(ns.SocketWords{Family: "inet", Type: "stream"})}, false, nil},
		{"somebody asks there", "/run/netns/web", ns.Holder{Kind: ns.KindSocket, PID: 300, FD: 5, Socket: ns.NewSocket(ns.SocketWords{Family: "netlink", Type: "raw"})}, false, []string{"no-process warning"}},
		{"a leaked socket", "/run/netns/web", ns.Holder{Kind: ns.KindSocket, PID: 300, FD: 5, Socket: ns.NewSocket(ns.SocketWords{Family: "inet", Type: "stream"})}, true, []string{"held-elsewhere warning"}},
		{"systemd stores it", "/run/netns/web", ns.Holder{Kind: ns.KindInflight, PID: 301, FD: 5}, true, nil},
		{"somebody else does", "/run/netns/web", ns.Holder{Kind: ns.KindInflight, PID: 300, FD: 5}, true, []string{"held-elsewhere warning"}},
		{"Podman's own", "/run/user/1000/netns/rootless-netns-1a2b", ns.Holder{Kind: ns.KindTun, PID: 302, FD: 5, Socket: ns.NewSocket(ns.SocketWords{Device: "tap0"})}, false, nil},
		{"left by Podman", "/run/user/1000/netns/rootless-netns-1a2b", ns.Holder{Kind: ns.KindFD, PID: 302, FD: 5}, false, []string{"no-process warning"}},
	} {
		t.Run(c.about, func(t *testing.T) {
			expect(t, examineWith(t, keepers+mounts(c.name), held(c.holder, c.alone)), c.want...)
		})
	}
}

// A namespace that the kernel holds, and that cannot be entered, may be held by
// connections that are closing; test/doctor has one that can.
func TestClosingConnections(t *testing.T) {
	for orphans, want := range map[int]string{0: "kernel-only warning", 1: "kernel-only unknown"} {
		sockstat := fmt.Sprintf("-- proc/2/net/sockstat --\nTCP: inuse 1 orphan %d tw 0 alloc 1 mem 0\n", orphans)
		r := examineWith(t, mounts("/run/netns/web")+sockstat, held(ns.Holder{Kind: ns.KindKernel, Refs: 3}, true))
		expect(t, r, want)
	}
}

// A thread may have left, or all but it: then the process is where that is.
func TestSplitThreadOfTwo(t *testing.T) {
	threads := func(first, second int) string {
		return fmt.Sprintf("-- proc/300 (process) --\ncomm agent\nnet %d\n", first) +
			fmt.Sprintf("-- proc/300/task/300 (process) --\ncomm agent\nnet %d\n", first) +
			fmt.Sprintf("-- proc/300/task/301 (process) --\ncomm worker\nnet %d\n", second)
	}
	for machine, want := range map[string]string{
		threads(4026531840, 4026532100): "a thread of agent (pid 300) is in it, and the process is in net:[4026531840], the host's",
		threads(4026532100, 4026531840): "the first thread of agent (pid 300) is in it, and others are in net:[4026531840], the host's: 1 of them",
	} {
		r := examineFake(t, machine)
		expect(t, r, "split-thread warning")
		if f := r.Findings[0]; f.Summary != want || f.Subject != "net:[4026532100]" {
			t.Errorf("about %s: %q, want %q", f.Subject, f.Summary, want)
		}
	}
	expect(t, examineFake(t, threads(4026532100, 4026532100)))
}
