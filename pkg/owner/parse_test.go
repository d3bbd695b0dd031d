// SPDX-License-Identifier: Apache-2.0

package owner

import (
	"errors"
	"testing"

	"github.com/nsinspect/nsinspect/pkg/ns"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// same compares containers by what others see of them.
var same = cmpopts.IgnoreUnexported(Container{})

func TestWords(t *testing.T) {
	for _, tt := range []struct {
		o               Owner
		short, describe string
	}{
		{Owner{Runtime: "docker", ID: idA, Name: "web", Service: "shop/web"}, "docker:web", "docker container web, service shop/web"},
		{Owner{Runtime: "docker", ID: idA}, "docker:" + idA[:12], "docker container " + idA[:12]},
		{Owner{Runtime: "docker"}, "docker", "docker"},
		{Owner{Runtime: "containerd", ID: idA, Pod: "default/web-1"}, "pod:default/web-1", "pod default/web-1"},
		{Owner{Runtime: "containerd", ID: idA, Pod: "default/web-1", Name: "nginx"}, "pod:default/web-1/nginx", "container nginx of pod default/web-1"},
		{Owner{Runtime: "podman", ID: idA, Name: "web", Unit: "web.service"}, "podman:web", "podman container web, unit web.service"},
		{Owner{Runtime: "container", ID: idA}, "container:" + idA[:12], "container " + idA[:12]},
		{Owner{Runtime: "containerd", ID: "c1", Name: "c1"}, "containerd:c1", "containerd container c1"},
		{Owner{Runtime: "systemd", Unit: "nginx.service"}, "unit:nginx.service", "unit nginx.service"},
		{Owner{Runtime: "neutron", Name: "qrouter-5b1c"}, "neutron:qrouter-5b1c", "neutron"},
	} {
		if got := tt.o.Ref(); got != tt.short {
			t.Errorf("%+v is %q as a reference, want %q", tt.o, got, tt.short)
		}
		users := tt.o
		tt.o.Authority, users.Authority = ns.RootAuthority, ns.UserAuthority(1000)
		if got, of := users.String(), users.Describe(); got != tt.short+" (uid 1000)" || of != tt.describe+" (uid 1000)" {
			t.Errorf("a user's is %q, %q", got, of)
		}
		if got := tt.o.String(); got != tt.short {
			t.Errorf("%+v is %q, want %q", tt.o, got, tt.short)
		}
		if got := tt.o.Describe(); got != tt.describe {
			t.Errorf("%+v is described as %q, want %q", tt.o, got, tt.describe)
		}
	}
}

func TestParseDocker(t *testing.T) {
	got, err := parseDocker(recorded(t, "docker-config.v2.json"))
	if err != nil {
		t.Fatal(err)
	}
	want := &Container{
		Owner: Owner{Runtime: "docker", ID: idA, Name: "web", Service: "shop/web"},
		PID:   2267, State: "running", Sandbox: "/run/docker/netns/49d09c7c518d", IPs: []string{"198.18.0.2"},
	}
	if diff := cmp.Diff(want, got, same); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for text, want := range map[string]Container{
		`{"ID":"x","Name":"/a","State":{"Running":true,"Paused":true,"Pid":7}}`: {Owner: Owner{Runtime: "docker", ID: "x", Name: "a"}, PID: 7, State: "paused"},
		`{"ID":"x","Name":"/a","State":{"Running":false,"Pid":7}}`:              {Owner: Owner{Runtime: "docker", ID: "x", Name: "a"}, State: "stopped"},
		// cri-dockerd
		`{"ID":"x","Name":"/k8s_POD_web-1_default_u_0","Config":{"Labels":{"io.kubernetes.pod.name":"web-1","io.kubernetes.pod.namespace":"default","io.kubernetes.container.name":"POD"}},"NetworkSettings":null}`: {Owner: Owner{Runtime: "docker", ID: "x", Pod: "default/web-1"}, State: "stopped"},
		`{"ID":"x","Config":{"Labels":{"io.kubernetes.pod.name":"web-1","io.kubernetes.pod.namespace":"default","io.kubernetes.container.name":"nginx"}}}`:                                                          {Owner: Owner{Runtime: "docker", ID: "x", Name: "nginx", Pod: "default/web-1"}, State: "stopped"},
	} {
		got, err := parseDocker([]byte(text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
		} else if diff := cmp.Diff(&want, got, same); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
	for _, text := range []string{"", "{", "[]", `{"ID":1}`, `{"State":{"Pid":"7"}}`, `{"NetworkSettings":{"Networks":[]}}`} {
		if _, err := parseDocker([]byte(text)); !errors.Is(err, errJSON) {
			t.Errorf("%s: %v, want errJSON", text, err)
		}
	}
}

func TestParseSpec(t *testing.T) {
	s, err := parseSpec(recorded(t, "moby-bundle.json"), true)
	if err != nil || s.cgroup != "/docker/"+idA || dockerDir(idA, s.binds) != "/srv/docker/containers/"+idA || s.netns != "" {
		t.Errorf("moby: %+v, %v", s, err)
	}
	s, err = parseSpec(recorded(t, "podman-bundle.json"), false)
	if err != nil || s.netns != "/run/netns/netns-323f9f84-edd4-2d33-57dc-fec6e4740eb5" || s.annotations["io.container.manager"] != "libpod" {
		t.Errorf("podman: %+v, %v", s, err)
	}
	s, err = parseSpec(recorded(t, "ctr-bundle.json"), true)
	if err != nil || s.netns != "/run/netns/ownblue" || s.cgroup != "/default/c1" {
		t.Errorf("ctr: %+v, %v", s, err)
	}
}

func TestParseStorageNames(t *testing.T) {
	names := map[string]string{}
	if err := parseStorageNames(recorded(t, "podman-containers.json"), names); err != nil || len(names) != 5 {
		t.Fatal(names, err)
	}
	if got := names["0151c277e571d4a0ebd0450f47ea7ca9b8b54bb2bed9b35a087abaff0438a82b"]; got != "web" {
		t.Errorf("name %q, want web", got)
	}
}

func TestParseCNI(t *testing.T) {
	const text = `{"kind":"cniCacheV1","containerId":"` + idA + `","config":"e30=","ifName":"eth0","networkName":"cbr0",
"netns":"/var/run/netns/cni-1e0b6c2d-7a39-5f0e-8d7b-0a4b3c2d1e0f",
"cniArgs":[["IgnoreUnknown","1"],["K8S_POD_NAMESPACE","default"],["K8S_POD_NAME","web-1"],["K8S_POD_INFRA_CONTAINER_ID","` + idA + `"]],
"capabilityArgs":{"dns":{}},"result":{"cniVersion":"1.0.0","interfaces":[{"name":"eth0"}],"ips":[{"address":"10.244.0.7/24","gateway":"10.244.0.1","interface":2},{"address":"fd00::7/64"}],"routes":[]}}`
	want := Container{
		Owner: Owner{Runtime: "cni", ID: idA, Pod: "default/web-1"}, Sandbox: "/var/run/netns/cni-1e0b6c2d-7a39-5f0e-8d7b-0a4b3c2d1e0f",
		IPs: []string{"10.244.0.7", "fd00::7"},
	}
	got, err := parseCNI([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, same); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for text, want := range map[string]Container{
		`{"containerId":"default-` + idA + `","netns":"/proc/42/ns/net"}`:               {Owner: Owner{Runtime: "cni", ID: idA}},
		`{"containerId":"x","result":{"cniVersion":"0.2.0","ip4":{"ip":"10.0.0.2/8"}}}`: {Owner: Owner{Runtime: "cni", ID: "x"}, IPs: []string{"10.0.0.2"}},
		`{"cniVersion":"0.3.1","ips":[]}`:                                               {Owner: Owner{Runtime: "cni"}},
	} {
		if got, err := parseCNI([]byte(text)); err != nil || !cmp.Equal(want, got, same) {
			t.Errorf("%s: %+v, %v; want %+v", text, got, err, want)
		}
	}
	if _, err := parseCNI([]byte(`{"containerId":"x","cniArgs":{"a":1}}`)); !errors.Is(err, errJSON) {
		t.Errorf("%v, want errJSON", err)
	}
}

func TestParseLogs(t *testing.T) {
	if pod, u, ok := parsePodDir("kube-system_etcd-node1_" + uid); !ok || pod != "kube-system/etcd-node1" || u != uid {
		t.Error(pod, u, ok)
	}
	for _, name := range []string{"", "a_b", "a__c", "a_b_c_d", "_b_c"} {
		if _, _, ok := parsePodDir(name); ok {
			t.Errorf("%q is taken for a pod's directory", name)
		}
	}
	want := Container{Owner: Owner{Runtime: "kubernetes", ID: idA, Name: "side-car", Pod: "default/web-1"}}
	if c, ok := parseContainerLog("web-1_default_side-car-" + idA + ".log"); !ok || !cmp.Equal(c, want, same) {
		t.Error(c, ok)
	}
	for _, name := range []string{"", "a_b_c.log", "web_default_x-" + idA, "web_default_-" + idA + ".log", "web_default_x-" + idA[1:] + ".log"} {
		if _, ok := parseContainerLog(name); ok {
			t.Errorf("%q is taken for a container's log", name)
		}
	}
}

func TestParseMachine(t *testing.T) {
	const text = "# This is private data. Do not parse.\nNAME=lab\nSCOPE=machine-lab.scope\nSERVICE=systemd-nspawn\nCLASS=container\nLEADER=42\n"
	c, ok := parseMachine("lab", []byte(text))
	want := &Container{Owner: Owner{Runtime: "nspawn", Name: "lab", Unit: "machine-lab.scope"}, PID: 42, State: "running"}
	if !ok || !cmp.Equal(c, want, same) {
		t.Errorf("%+v, %v", c, ok)
	}
	if _, ok := parseMachine("vm", []byte("CLASS=vm\n")); ok {
		t.Error("a virtual machine is taken for a container")
	}
}

func TestFlags(t *testing.T) {
	d := daemon{args: []string{"dockerd", "--debug", "--data-root=/a", "--exec-root", "/b", "-c", "/c"}}
	for name, want := range map[string]string{"data-root": "/a", "exec-root": "/b", "c": "/c", "none": "", "b": ""} {
		if got := d.flag(name); got != want {
			t.Errorf("flag %s is %q, want %q", name, got, want)
		}
	}
	d.args = []string{
		"/usr/bin/conmon", "--api-version", "1", "-c", idA, "-u", idA, "-r", "/usr/bin/crun", "-b", "/srv/graph/overlay-containers/" + idA + "/userdata",
		"-p", "/run/srv/overlay-containers/" + idA + "/userdata/pidfile", "-n", "web",
	}
	if got, want := d.conmonStorage(), (storage{graph: "/srv/graph", run: "/run/srv"}); got != want {
		t.Errorf("storage %+v, want %+v", got, want)
	}
	d.args = []string{"conmon", "-b"}
	if got := d.conmonStorage(); got != (storage{}) {
		t.Errorf("storage %+v of half a command line", got)
	}
}

// FuzzFiles gives every parser of a runtime's file what any of them may meet.
func FuzzFiles(f *testing.F) {
	// Small ones: the fuzzer takes its time to shorten what is long.
	f.Add([]byte(`{"ID":"x","Name":"/a","State":{"Running":true,"Pid":7},"Config":{"Labels":{"com.docker.compose.service":"s"}},"NetworkSettings":{"Networks":{"n":{"IPAddress":"1"}}}}`))
	f.Add([]byte(`{"annotations":{"nerdctl/name":"x"},"linux":{"cgroupsPath":"a:b:c","namespaces":[{"type":"network","path":"/x"}]},"mounts":[{"source":"/x/hosts"}]}`))
	f.Add([]byte(`[{"id":"x","names":["a","b"]}]`))
	f.Add([]byte(`{"data-root":"/srv","containerId":"x","cniArgs":[["a","b"]],"netns":"/run/netns/x","result":{"ips":[{"address":"1/2"}]}}`))
	f.Add([]byte("[storage]\ngraphroot = \"/srv\"\nNAME=x\nCLASS=container\nLEADER=-1\n"))
	f.Add([]byte("web-1_default_nginx-" + idA + ".log"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if c, err := parseDocker(text); err == nil && c.Runtime != "docker" {
			t.Error(c)
		}
		if s, err := parseSpec(text, true); err == nil {
			containerdContainer("moby", idA, s)
			new(Container).storageSpec(s)
		}
		for _, root := range dockerConfigRoots(text) {
			if !absolute(root) {
				t.Errorf("root %q", root)
			}
		}
		if c, err := parseCNI(text); err == nil && c.Runtime != "cni" {
			t.Error(c)
		}
		_ = parseStorageNames(text, map[string]string{}) // any text but a crash
		parseMachine("x", text)
		parsePodDir(string(text))
		if c, ok := parseContainerLog(string(text)); ok && !isID(c.ID) {
			t.Error(c)
		}
	})
}

// Every reference that an owner has may begin with each of its beginnings, and no name that
// is none.
func TestMayBegin(t *testing.T) {
	for _, o := range []Owner{{Runtime: "docker", Name: "web"}, {Runtime: "containerd", ID: "0123456789abcdef"}, {Pod: "default/web-1"}, {Runtime: "systemd", Unit: "a.service"}, {Runtime: "cri-o", Name: "x"}} {
		for i := range o.Ref() {
			if !MayBegin(o.Ref()[:i]) {
				t.Errorf("%q may begin no reference, and %s is one", o.Ref()[:i], o.Ref())
			}
		}
	}
	for _, text := range []string{"blue", "dockers", "docker-web", "podx", "net:[", "cni-"} {
		if MayBegin(text) {
			t.Errorf("%q may begin a reference", text)
		}
	}
}
