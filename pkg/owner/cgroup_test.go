// SPDX-License-Identifier: Apache-2.0

package owner

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const (
	idA = "6e2258c07d8d57ed1708c7efbbce5b9fb63e7b18ae245bd4b09cf988b04e5986"
	idB = "a3c268cc193684f104e935316602167d0305e2ffcbfdb7b87163696609205c1f"
	uid = "3a0cf3ae-7b5c-4b8c-9d1c-0a5f0b1c2d3e"
)

func TestParseCgroup(t *testing.T) {
	under := strings.ReplaceAll(uid, "-", "_")
	v1 := func(group string) string {
		return "12:pids:" + group + "\n11:memory:" + group + "\n3:cpu,cpuacct:" + group + "\n1:name=systemd:" + group + "\n0::/\n"
	}
	v2 := func(group string) string { return "0::" + group + "\n" }
	tests := []struct {
		what, text string
		places     []place // but for repetitions
		unit       string
	}{
		{"nothing", v1("/"), nil, ""},
		{"Docker, cgroupfs, v1", v1("/docker/" + idA), []place{{runtime: "docker", id: idA}}, ""},
		{"Docker, systemd, v2", v2("/system.slice/docker-" + idA + ".scope"), []place{{runtime: "docker", id: idA}}, "docker-" + idA + ".scope"},
		{"Docker, another parent", v2("/jobs/" + idA), []place{{id: idA}}, ""},
		{"below a container", v2("/docker/" + idA + "/init.scope"), []place{{runtime: "docker", id: idA}}, "init.scope"},
		{"seen from another cgroup namespace", v2("/../../docker-" + idA + ".scope"), []place{{runtime: "docker", id: idA}}, "docker-" + idA + ".scope"},
		{
			"containerd, kubelet with systemd, v2",
			v2("/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + under + ".slice/cri-containerd-" + idA + ".scope"),
			[]place{{runtime: "containerd", id: idA, podUID: uid}, {runtime: "kubernetes", podUID: uid}}, "cri-containerd-" + idA + ".scope",
		},
		{
			"guaranteed pod",
			v2("/kubepods.slice/kubepods-pod" + under + ".slice/cri-containerd-" + idA + ".scope"),
			[]place{{runtime: "containerd", id: idA, podUID: uid}, {runtime: "kubernetes", podUID: uid}}, "cri-containerd-" + idA + ".scope",
		},
		{
			"containerd, kubelet with cgroupfs, v1", v1("/kubepods/besteffort/pod" + uid + "/" + idA),
			[]place{{id: idA, podUID: uid}, {runtime: "kubernetes", podUID: uid}}, "",
		},
		{
			"static pod", v2("/kubepods/burstable/pod0123456789abcdef0123456789abcdef/" + idA),
			[]place{{id: idA, podUID: "0123456789abcdef0123456789abcdef"}, {runtime: "kubernetes", podUID: "0123456789abcdef0123456789abcdef"}}, "",
		},
		{
			"systemd's path taken literally", v1("/system.slice/containerd.service/kubepods-besteffort-pod" + under + ".slice:cri-containerd:" + idA),
			[]place{{runtime: "containerd", id: idA, podUID: uid, service: "containerd.service"}}, "containerd.service",
		},
		{
			"CRI-O, v2", v2("/kubepods.slice/kubepods-pod" + under + ".slice/crio-" + idA + ".scope/container"),
			[]place{{runtime: "cri-o", id: idA, podUID: uid}, {runtime: "kubernetes", podUID: uid}}, "crio-" + idA + ".scope",
		},
		{
			"CRI-O's monitor is not the container", v2("/kubepods.slice/kubepods-pod" + under + ".slice/crio-conmon-" + idA + ".scope"),
			[]place{{runtime: "kubernetes", podUID: uid}}, "crio-conmon-" + idA + ".scope",
		},
		{"CRI-O, cgroupfs", v1("/kubepods/pod" + uid + "/crio-" + idA), []place{{runtime: "cri-o", id: idA, podUID: uid}, {runtime: "kubernetes", podUID: uid}}, ""},
		{"Podman, cgroupfs", v1("/libpod_parent/libpod-" + idA), []place{{runtime: "podman", id: idA}}, ""},
		{"Podman, in a pod", v1("/libpod_parent/" + idB + "/libpod-" + idA), []place{{runtime: "podman", id: idA}}, ""},
		{"Podman's monitor", v1("/libpod_parent/conmon"), nil, ""},
		{"Podman's monitor in a pod", v1("/libpod_parent/" + idB + "/conmon"), nil, ""},
		{
			"Podman, rootless, systemd",
			v2("/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + idA + ".scope/container"),
			[]place{{runtime: "podman", id: idA, service: "user@1000.service"}}, "libpod-" + idA + ".scope",
		},
		{"Podman's monitor, systemd", v2("/machine.slice/libpod-conmon-" + idA + ".scope"), nil, "libpod-conmon-" + idA + ".scope"},
		{
			"Quadlet", v2("/system.slice/web.service/libpod-payload-" + idA),
			[]place{{runtime: "podman", id: idA, service: "web.service"}}, "web.service",
		},
		{"nerdctl", v2("/system.slice/nerdctl-" + idA + ".scope"), []place{{runtime: "containerd", id: idA}}, "nerdctl-" + idA + ".scope"},
		{
			"Kubernetes in Docker", v2("/docker/" + idB + "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod" + under + ".slice/cri-containerd-" + idA + ".scope"),
			[]place{{runtime: "containerd", id: idA, podUID: uid, outer: idB}, {runtime: "kubernetes", podUID: uid, outer: idB}, {runtime: "docker", id: idB}}, "cri-containerd-" + idA + ".scope",
		},
		{"LXC", v2("/lxc.payload.c1/system.slice/nginx.service"), []place{{runtime: "lxc", name: "c1"}}, "nginx.service"},
		{"LXC in LXC", v2("/lxc.payload.c1/lxc.payload.c1/lxc.payload.c2"), []place{{runtime: "lxc", name: "c2", outer: "c1"}, {runtime: "lxc", name: "c1"}, {runtime: "lxc", name: "c1"}}, ""},
		{"one in another cgroup of its own", v2("/docker/" + idA + "/docker-" + idA + ".scope"), []place{{runtime: "docker", id: idA}, {runtime: "docker", id: idA}}, "docker-" + idA + ".scope"},
		{"LXC 3", v1("/lxc/c1"), []place{{runtime: "lxc", name: "c1"}}, ""},
		{"LXC's monitor", v2("/lxc.monitor.c1"), nil, ""},
		{"unit", v2("/system.slice/nginx.service"), nil, "nginx.service"},
		{"unit, v1", "9:pids:/user.slice\n1:name=systemd:/system.slice/system-getty.slice/getty@tty1.service\n0::/system.slice/system-getty.slice/getty@tty1.service\n", nil, "getty@tty1.service"},
		{"in a unit's own cgroup", v2("/system.slice/foo.service/worker"), nil, "foo.service"},
		{"below a service manager of its own", v2("/machine.slice/machine-lxc\\x2d1\\x2dweb.scope/system.slice/nginx.service"), nil, "machine-lxc\\x2d1\\x2dweb.scope"},
		{"a user's", v2("/user.slice/user-1000.slice/user@1000.service/app.slice/web.service/x.scope"), nil, "web.service"},
		{"a user's service manager", v2("/user.slice/user-1000.slice/user@1000.service"), nil, "user@1000.service"},
		{"session", v2("/user.slice/user-1000.slice/session-3.scope"), nil, "session-3.scope"},
		{"escaped", v2("/system.slice/_cpu.service"), nil, "cpu.service"},
		{"removed", v2("/system.slice/docker-" + idA + ".scope (deleted)"), []place{{runtime: "docker", id: idA}}, "docker-" + idA + ".scope"},
		{"a controller's cgroup is no unit", "4:memory:/system.slice/x.service\n0::/\n", nil, ""},
		{"63 digits", v2("/docker/" + idA[1:]), nil, ""},
		{"no line", "nonsense\n0::\n::\n", nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.what, func(t *testing.T) {
			m := parseCgroup([]byte(tt.text))
			if diff := cmp.Diff(tt.places, m.places, cmp.AllowUnexported(place{}), cmpopts.IgnoreTypes(group{})); diff != "" {
				t.Errorf("places (-want +got):\n%s", diff)
			}
			if m.unit != tt.unit {
				t.Errorf("unit %q, want %q", m.unit, tt.unit)
			}
		})
	}
}

// What a cgroup means is the word of whoever controls the one that it is made in.
func TestCgroupIn(t *testing.T) {
	for text, want := range map[string][]group{
		"0::/system.slice/docker-" + idA + ".scope/payload\n":                      {{"0", "/system.slice"}, {"0", "/system.slice"}},
		"3:cpu,cpuacct:/docker/" + idA + "\n1:name=systemd:/a.slice/b.service\n":   {{"cpu,cpuacct", "/docker"}, {"name=systemd", "/a.slice"}},
		"0::/u.slice/user@1000.service/app.slice/libpod-" + idA + ".scope/x.scope": {{"0", "/u.slice/user@1000.service/app.slice"}, {"0", "/u.slice/user@1000.service/app.slice"}},
		"0::/" + idA + "\n": {{"0", "/"}, {}},
	} {
		m := parseCgroup([]byte(text))
		if len(m.places) != 1 || m.places[0].in != want[0] || m.unitIn != want[1] {
			t.Errorf("%q: %+v, unit in %+v, want %+v", text, m.places, m.unitIn, want)
		}
	}
}

func TestCgroupPath(t *testing.T) {
	for spec, want := range map[string]string{
		"":                          "",
		"/default/c1":               "/default/c1",
		"system.slice:docker:c1":    "/system.slice/docker-c1.scope",
		":nerdctl:c1":               "/system.slice/nerdctl-c1.scope",
		"user.slice::c1":            "/user.slice/c1.scope",
		"machine.slice::pod1.slice": "/machine.slice/pod1.slice",
	} {
		if got := cgroupPath(spec); got != want {
			t.Errorf("cgroupPath(%q) = %q, want %q", spec, got, want)
		}
	}
}

func FuzzCgroup(f *testing.F) {
	for _, s := range []string{
		"0::/system.slice/docker-" + idA + ".scope\n", "1:name=systemd:/docker/" + idA + "\n0::/\n",
		"0::/kubepods-pod" + uid + ".slice:cri-containerd:" + idA, "0::/a:b:c:d/lxc/x", ":::", "0::/pod.slice/kubepods-pod",
		"::pod:pod0000000000000000000000000000000",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		m := parseCgroup([]byte(text))
		for _, p := range m.places {
			if p.id != "" && !isID(p.id) || p.id == "" && p.name == "" && p.podUID == "" {
				t.Errorf("place %+v of %q", p, text)
			}
		}
		for _, name := range []string{m.unit, cgroupPath(text)} {
			if strings.Contains(name, "\n") && !strings.Contains(text, "\n") {
				t.Errorf("%q out of %q", name, text)
			}
		}
		if strings.ContainsRune(m.unit, '/') {
			t.Errorf("unit %q of %q", m.unit, text)
		}
	})
}
