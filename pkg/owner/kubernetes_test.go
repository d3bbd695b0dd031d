// SPDX-License-Identifier: Apache-2.0

package owner

import (
	"strings"
	"testing"

	"github.com/nsinspect/nsinspect/internal/hosttest"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

const hash = "0123456789abcdef0123456789abcdef"

// A static pod is known by its UID, wherever that is: in what the runtime keeps, in the name of
// the cgroup, or in that of the directory with its logs.
func TestStaticPods(t *testing.T) {
	dir, h, s := machine(t, "containerd")
	const task = "-- run/containerd/io.containerd.runtime.v2.task/k8s.io/"
	archive := strings.NewReplacer("AS", as, "HASH", hash, "TASK/", task).Replace(`
-- proc/1020/cgroup --
0::/custom/cri-containerd-AS20.scope
TASK/AS20/config.json --
{"annotations":{"io.kubernetes.cri.container-name":"etcd","io.kubernetes.cri.sandbox-name":"etcd-n","io.kubernetes.cri.sandbox-namespace":"kube-system","io.kubernetes.cri.sandbox-uid":"HASH"}}
-- proc/1021/cgroup --
0::/kubepods/podHASH/AS21
TASK/AS21/config.json --
{"annotations":{"io.kubernetes.cri.container-name":"proxy","io.kubernetes.cri.sandbox-name":"proxy-n","io.kubernetes.cri.sandbox-namespace":"kube-system"}}
-- proc/1022/cgroup --
0::/custom/cri-containerd-AS22.scope
-- proc/1023/cgroup --
0::/custom/cri-containerd-AS23.scope
-- var/log/pods/kube-system_logged-n_HASH (dir) --
-- var/log/pods/kube-system_both-n_HASH (dir) --
-- var/log/pods/kube-system_both-n_11111111-2222-3333-4444-555555555559 (dir) --
-- var/log/containers/logged-n_kube-system_main-AS22.log -> /var/log/pods/x --
-- var/log/containers/both-n_kube-system_main-AS23.log -> /var/log/pods/x --
`)
	if err := hosttest.Unpack(dir, []byte(archive)); err != nil {
		t.Fatal(err)
	}
	checkProcesses(t, Read(t.Context(), Options{Host: h, Snapshot: s}), map[ns.TaskID]Owner{
		1020: {Runtime: "containerd", ID: as + "20", Name: "etcd", Pod: "kube-system/etcd-n", Static: true},
		1021: {Runtime: "containerd", ID: as + "21", Name: "proxy", Pod: "kube-system/proxy-n", Static: true},
		1022: {Runtime: "containerd", ID: as + "22", Name: "main", Pod: "kube-system/logged-n", Static: true},
		1023: {Runtime: "containerd", ID: as + "23", Name: "main", Pod: "kube-system/both-n"}, // it may be the other one
	})
}

func TestStaticPodsOfOtherRuntimes(t *testing.T) {
	for uid, want := range map[string]bool{hash: true, hash[:16]: true, "11111111-2222-3333-4444-555555555555": false, "": false, strings.ToUpper(hash): false} {
		var docker, crio Container
		docker.label(map[string]string{"io.kubernetes.pod.name": "p", "io.kubernetes.pod.namespace": "n", "io.kubernetes.pod.uid": uid})
		crio.storageSpec(spec{annotations: map[string]string{"io.container.manager": "cri-o", "io.kubernetes.pod.name": "p", "io.kubernetes.pod.namespace": "n", "io.kubernetes.pod.uid": uid}})
		cni, err := parseCNI([]byte(`{"containerId":"x","cniArgs":[["K8S_POD_NAMESPACE","n"],["K8S_POD_NAME","p"],["K8S_POD_UID","` + uid + `"]]}`))
		for about, c := range map[string]Container{"docker": docker, "cri-o": crio, "cni": cni} {
			if err != nil || c.Pod != "n/p" || c.Static != want {
				t.Errorf("%s, UID %q: pod %q, static %v, want %v; %v", about, uid, c.Pod, c.Static, want, err)
			}
		}
	}
}
