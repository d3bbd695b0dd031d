// SPDX-License-Identifier: Apache-2.0

package owner

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/hosttest"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/scan"
)

// machine opens the fake machine of a file and takes a snapshot of it.
func machine(t *testing.T, name string) (string, *host.Host, *ns.Snapshot) {
	t.Helper()
	archive, err := os.ReadFile(filepath.Join("testdata", "machines", name+".txtar"))
	if err != nil {
		t.Fatal(err)
	}
	dir := hosttest.New(t, string(archive))
	h, s := open(t, dir)
	return dir, h, s
}

func open(t *testing.T, dir string) (*host.Host, *ns.Snapshot) {
	t.Helper()
	h, err := host.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	s, err := scan.Scan(t.Context(), scan.Options{Host: h})
	if err != nil {
		t.Fatal(err)
	}
	return h, s
}

// checkNamespaces demands the owners of network namespaces, by the last three
// digits of their inodes; "" is none. Those not named must have none.
func checkNamespaces(t *testing.T, x *Index, s *ns.Snapshot, want map[ns.TaskID]string) {
	t.Helper()
	for i := range s.Namespaces {
		n := &s.Namespaces[i]
		got := ""
		if o := x.Namespace(n); o != nil {
			got = o.String()
		}
		if w := want[ns.TaskID(n.Inode%1000)]; got != w {
			t.Errorf("%s is %q's, want %q", n, got, w)
		}
		delete(want, ns.TaskID(n.Inode%1000))
	}
	for inode, w := range want {
		if w != "" {
			t.Errorf("no namespace …%d, which is %s's", inode, w)
		}
	}
}

// checkProcesses demands the owners of processes, by root's word unless another is given.
func checkProcesses(t *testing.T, x *Index, want map[ns.TaskID]Owner) {
	t.Helper()
	for pid, w := range want {
		if w != (Owner{}) && w.Authority == (ns.Authority{}) {
			w.Authority = ns.RootAuthority
		}
		if o := x.Process(pid); o == nil && w != (Owner{}) || o != nil && *o != w {
			t.Errorf("process %d is %+v's, want %+v", pid, o, w)
		}
	}
}

// checkFind demands what references find, as "OWNER STATE PID".
func checkFind(t *testing.T, x *Index, want map[string][]string) {
	t.Helper()
	for ref, w := range want {
		var got []string
		for _, c := range x.Find(ref) {
			got = append(got, fmt.Sprintf("%s %s %d", c, c.State, c.PID))
		}
		if !slices.Equal(got, w) {
			t.Errorf("%s finds %q, want %q", ref, got, w)
		}
	}
}

func checkGaps(t *testing.T, x *Index, want ...string) {
	t.Helper()
	var got []string
	for _, g := range x.Gaps() {
		got = append(got, g.Path+": "+g.Err.Error())
	}
	if !slices.Equal(got, want) {
		t.Errorf("gaps\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

const as = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

func TestContainerd(t *testing.T) {
	_, h, s := machine(t, "containerd")
	x := Read(t.Context(), Options{Host: h, Snapshot: s})
	checkNamespaces(t, x, s, map[ns.TaskID]string{
		101: "pod:default/web-1", 102: "pod:kube-system/dns", 103: "cni:" + as[:12], 105: "pod:kube-system/etcd-node1",
		106: "unit:nginx.service", 107: "pod:apps/logged-1", 108: "containerd:c1",
	})
	checkProcesses(t, x, map[ns.TaskID]Owner{
		1:    {Runtime: "systemd", Unit: "init.scope"},
		2:    {},
		100:  {Runtime: "systemd", Unit: "containerd.service"},
		1000: {Runtime: "containerd", ID: as + "01", Pod: "default/web-1"},
		1001: {Runtime: "containerd", ID: as + "02", Name: "nginx", Pod: "default/web-1"},
		1002: {Runtime: "containerd", ID: as + "09", Name: "proxy", Pod: "default/host"},
		1003: {Runtime: "cri-o", ID: strings.Repeat("b", 62) + "05", Pod: "kube-system/etcd-node1", Static: true},
		1005: {Runtime: "containerd", ID: as + "07", Name: "main", Pod: "apps/logged-1"},
		1006: {Runtime: "containerd", ID: "c1", Name: "c1"},
		4242: {},
	})
	checkFind(t, x, map[string][]string{
		"pod:default/web-1":       {"pod:default/web-1 running 1000", "pod:default/web-1/nginx running 1001"},
		"pod:default/web-1/nginx": {"pod:default/web-1/nginx running 1001"},
		"nginx":                   {"pod:default/web-1/nginx running 1001"},
		"docker:nginx":            nil,
		"containerd:c1":           {"containerd:c1 running 0"},
		as + "02":                 {"pod:default/web-1/nginx running 1001"},
		"pod:kube-system/dns":     {"pod:kube-system/dns  0"},
		"pod:default/web":         nil,
		"pod:":                    nil,
		"":                        nil,
		"never":                   nil,
	})
	if got := len(x.Find(as)); got != 5 {
		t.Errorf("the beginning of five IDs finds %d", got)
	}
	for _, c := range x.Find("pod:default/web-1") {
		if c.Name == "" && (c.NetNS != 4026532101 || !slices.Equal(c.IPs, []string{"10.244.0.7"})) {
			t.Errorf("sandbox %+v", c)
		}
	}
	in := "/run/containerd/io.containerd.runtime.v2.task/default/"
	checkGaps(t, x, in+"broken/config.json: broken JSON", in+"link/config.json: too many levels of symbolic links",
		in+"pipe/config.json: not a regular file", `/var/lib/cni/results/broken: broken JSON at "containerId"`)
}

func TestCRIO(t *testing.T) {
	_, h, s := machine(t, "crio")
	x := Read(t.Context(), Options{Host: h, Snapshot: s})
	checkNamespaces(t, x, s, map[ns.TaskID]string{101: "pod:default/web-1", 102: "pod:default/gone"})
	checkProcesses(t, x, map[ns.TaskID]Owner{1001: {Runtime: "cri-o", ID: as + "02", Name: "nginx", Pod: "default/web-1"}})
	checkFind(t, x, map[string][]string{
		"pod:default/web-1": {"pod:default/web-1 running 1000", "pod:default/web-1/nginx running 1001"},
		"pod:default/gone":  {"pod:default/gone stopped 0"}, // its PID has gone to another one
	})
	checkGaps(t, x)
}

func TestMixed(t *testing.T) {
	dir, h, s := machine(t, "mixed")
	if os.Geteuid() == 0 { // if not, the user's word is at least that these are his
		give(t, filepath.Join(dir, "home/u"))
		give(t, filepath.Join(dir, "run/user/4077"))
	}
	x := Read(t.Context(), Options{Host: h, Snapshot: s})
	checkNamespaces(t, x, s, map[ns.TaskID]string{
		101: "docker:web", 102: "docker:other", 103: "lxc:c1", 104: "incus:vm1", 105: "nspawn:lab", 106: "docker:web",
		107: "pod:kube-system/traefik-0", 108: "containerd:db", 109: "neutron:qrouter-5b1c", 110: "docker", 111: "podman:mine (uid 4077)",
		113: "podman:mine (uid 4077)", 114: "docker:eeeeeeeeeeee", 115: "podman:mine (uid 4077)", 116: "", 117: "docker:web",
		118: "incus:vm1", 100: "lxc:c1", // which is not the machine's
	})
	checkProcesses(t, x, map[ns.TaskID]Owner{
		1007: {Runtime: "containerd", ID: as + "30", Name: "traefik", Pod: "kube-system/traefik-0"},
		1008: {Runtime: "containerd", ID: as + "31", Name: "db", Service: "shop/db"},
		1009: {Runtime: "podman", ID: strings.Repeat("d", 64), Name: "mine", Unit: "user@4077.service", Authority: ns.UserAuthority(4077)},
		1010: {Runtime: "docker", ID: strings.Repeat("e", 64)},
		1036: {Runtime: "lxc", Name: "c1", Guest: true},
	})
	checkFind(t, x, map[string][]string{
		"web": {"docker:web running 1001"}, "crashed": {"docker:crashed stopped 0"}, "other": {"docker:other running 1002"},
		"mine": {"podman:mine (uid 4077) running 1009"}, "stale": {"podman:stale (uid 4077) stopped 0"}, // its PID has gone to another one
		"lab": {"nspawn:lab running 1005"}, "lxc:c1": {"lxc:c1  0"}, "moved": {"lxc:moved  0"}, "copy": nil,
	})
	checkGaps(t, x, "/srv/other/containers/"+as+"04/config.v2.json: it belongs to another container")
}

// A container that is made after the index was read is known when one of its
// processes is met, as a tracer needs it.
func TestContainerAddedLater(t *testing.T) {
	dir, h, s := machine(t, "mixed")
	x := Read(t.Context(), Options{Host: h, Snapshot: s})
	archive := `
-- proc/1020/cgroup --
0::/docker/ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff
-- srv/docker/containers/ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff/config.v2.json --
{"ID":"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff","Name":"/new"}
-- proc/1021/cgroup --
0::/kubepods/pod11111111-2222-3333-4444-555555555556/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa32
-- run/k3s-state/io.containerd.runtime.v2.task/k8s.io/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa32/config.json --
{"annotations":{"io.kubernetes.cri.container-name":"new","io.kubernetes.cri.sandbox-name":"new-0","io.kubernetes.cri.sandbox-namespace":"default"}}
`
	if err := hosttest.Unpack(dir, []byte(archive)); err != nil {
		t.Fatal(err)
	}
	checkProcesses(t, x, map[ns.TaskID]Owner{
		1020: {Runtime: "docker", ID: strings.Repeat("f", 64), Name: "new"},
		1021: {Runtime: "containerd", ID: as + "32", Name: "new", Pod: "default/new-0"},
	})
	checkFind(t, x, map[string][]string{"docker:new": {"docker:new stopped 0"}})
}

// What a table shows as an owner is a reference, also if nothing but a cgroup or a
// name shows it.
func TestAliases(t *testing.T) {
	_, h, s := machine(t, "mixed")
	x := Read(t.Context(), Options{Host: h, Snapshot: s})
	for ref, want := range map[string]string{
		"docker:eeeeeeeeeeee":    "[{4026532114 1010 docker:eeeeeeeeeeee root false}]",
		"eeee":                   "[{4026532114 1010 docker:eeeeeeeeeeee root true}]",
		"qrouter-5b1c":           "[{4026532109 0 neutron:qrouter-5b1c root false}]",
		"lxc:c1":                 "[{0 1003 lxc:c1 root false}]",
		"vm1":                    "[{0 1004 incus:vm1 root false}]",
		"other":                  "[{0 1002 docker:other (aaaaaaaaaaaa) root false}]",
		"unit:machine-lab.scope": "[{0 1005 pid 1005 of machine-lab.scope root false}]",
		"nosuch":                 "[]",
		"docker:":                "[]",
	} {
		aliases, err := x.Aliases(s, ref)
		if got := fmt.Sprint(aliases); err != nil || got != want {
			t.Errorf("%s: %s, %v; want %s", ref, got, err, want)
		}
	}
	_, h, s2 := machine(t, "containerd")
	x2 := Read(t.Context(), Options{Host: h, Snapshot: s2})
	for _, ref := range []string{"pod:kube-system/etcd-node1", "pod:apps/logged-1", "pod:apps/logged-1/main"} {
		if aliases, err := x2.Aliases(s2, ref); err != nil || len(aliases) != 1 {
			t.Errorf("%s: %v, %v", ref, aliases, err)
		}
	}
	if _, err := x.Aliases(s, "crashed"); err == nil || !strings.Contains(err.Error(), "docker:crashed has no namespace: it is stopped") {
		t.Errorf("crashed: %v", err)
	}
}

func TestNoOwner(t *testing.T) {
	var x *Index
	if x.Process(1) != nil || x.Namespace(&ns.Namespace{}) != nil || x.Containers() != nil || x.Find("web") != nil || x.Gaps() != nil {
		t.Error("an index that is none knows something")
	}
}
