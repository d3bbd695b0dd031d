// SPDX-License-Identifier: Apache-2.0

package runtimes

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// checkNested checks the owner of a pod's container in a Docker container that is
// a node of Kubernetes, as kind makes them: its cgroup is below the node's, and
// what is written down of it is inside the node.
func checkNested(t *testing.T, d *docker) {
	n := newInspect(t)
	const inner = "5555555555555555555555555555555555555555555555555555555555555555"
	h := d.home
	config := h.write(t, "nested.toml", `version = 2
root = "/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "/run/nested.sock"
[plugins."io.containerd.internal.v1.opt"]
  path = "/opt"
`)
	rootfs := h.mkdir(t, "nested")
	h.run(t, nil, imageTar(t), "tar", "-x", "-C", rootfs)
	args := []string{
		"run", "--detach", "--name", "node", "--network", "none", "--stop-signal", "KILL",
		"--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined",
		"--cap-add", "SYS_ADMIN", "--cap-add", "NET_ADMIN", "--cap-add", "SYS_PTRACE",
		"--volume", "/sys/fs/cgroup:/sys/fs/cgroup", "--volume", config + ":/nested.toml", "--volume", rootfs + ":/rootfs",
	}
	for _, dir := range []string{"/usr", "/lib", "/lib64"} {
		args = append(args, "--volume", dir+":"+dir+":ro")
	}
	h.remember(t, d.command(t, append(args, image, "/usr/bin/containerd", "--config", "/nested.toml")...))
	node := d.inspect(t, "node")
	ctr := func(args ...string) string {
		return d.exec(t, append([]string{"node", "/usr/bin/ctr", "--address", "/run/nested.sock"}, args...)...)
	}
	waitSocket(t, fmt.Sprintf("/proc/%d/root/run/nested.sock", node.pid))
	ctr("run", "--detach", "--rootfs", "--cgroup", "/docker/"+node.id+"/kubelet/"+inner,
		"--annotation", "io.kubernetes.cri.sandbox-namespace=default", "--annotation", "io.kubernetes.cri.sandbox-name=web-9",
		"--annotation", "io.kubernetes.cri.container-name=app", "/rootfs", inner, "/bin/sleep", "600")
	for _, ref := range []string{"pod:default/web-9", "pod:default/web-9/app", inner[:12], "containerd:app"} {
		a := n.whoUses(t, ref)
		o := a.Namespace.Owner
		if o == nil || *o != (ownedBy{Runtime: "containerd", ID: inner, Pod: "default/web-9"}) || a.Namespace.Processes != 1 {
			t.Errorf("who-uses %s: %s is %+v's", ref, a.Verdict, o)
		}
	}
	checkOwner(t, n, "docker", node, node)
	ctr("tasks", "rm", "--force", inner)
	d.remove(t, "node")
	if list := n.list(t); slices.ContainsFunc(list.Namespaces, func(ns namespace) bool { return ns.Owner != nil && strings.HasPrefix(ns.Owner.Pod, "default/") }) {
		t.Error("list: the pod is still there")
	}
}

// waitSocket waits until a unix socket has a listener.
func waitSocket(t *testing.T, socket string) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if accepts(socket) {
			return
		}
	}
	t.Fatalf("nobody listens at %s", socket)
}
