// SPDX-License-Identifier: Apache-2.0

package owner

import (
	"errors"
	"path"
	"slices"
	"strings"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

var errOtherID = errors.New("it belongs to another container")

// containerdStateDirs are where a containerd keeps what runs: its own, the one that
// dockerd starts, k3s and RKE2, k0s, MicroK8s.
var containerdStateDirs = []string{
	"/run/containerd",
	"/run/docker/containerd/daemon",
	"/run/k3s/containerd",
	"/run/k0s/containerd",
	"/var/snap/microk8s/common/run/containerd",
}

// shimPlugins are the directories of the runtimes that start containers by shims.
var shimPlugins = []string{"io.containerd.runtime.v2.task", "io.containerd.runtime.v1.linux"}

// containerdStates reads the bundle of every container that runs: its OCI
// configuration is at <state>/io.containerd.runtime.v2.task/NAMESPACE/ID.
func (r *reader) containerdStates() {
	states := append(slices.Clone(containerdStateDirs), r.containerdState("/etc/containerd/config.toml"))
	for _, d := range r.running("containerd", true) {
		if state := d.flag("state"); state != "" {
			states = append(states, state)
		} else if config := d.flag("config", "c"); absolute(config) {
			states = append(states, r.containerdState(config))
		}
	}
	for _, state := range states {
		if !absolute(state) {
			continue
		}
		for _, plugin := range shimPlugins {
			r.containerdPlugin(path.Join(state, plugin), ns.RootAuthority, false)
		}
	}
	r.eachIndex(len(r.shims), func(i int) { r.rootsShim(r.shims[i]) })
}

// rootsShim reads the bundles beside the one that a shim runs in, if it is root's and not in
// a container: it stays when its daemons, and the processes of its container, have ended,
// and may be all that leads to where these daemons kept their files.
func (r *reader) rootsShim(pid ns.TaskID) {
	if by := r.host.ProcessAuthority(pid); by.Trusted && r.host.SharesRoot(pid) {
		r.readShim(pid, by)
	}
}

// containerdPlugin reads a directory of bundles, which may be inside a container.
func (r *reader) containerdPlugin(dir string, by ns.Authority, inside bool) {
	t := r.open(dir, by)
	if t == nil {
		return
	}
	defer t.Close()
	for _, namespace := range r.list(t, ".", nil) {
		ids := r.list(t, namespace, nil)
		if namespace == "moby" { // dockerd's, whose files have more of them, unless it was not found
			for _, id := range ids {
				if !r.has(id) {
					r.bundle(t, namespace, id, by, inside)
				}
			}
			continue
		}
		r.each(ids, func(id string) { r.bundle(t, namespace, id, by, inside) })
	}
	r.again(dir, func(t *host.Tree, id string) {
		for _, namespace := range r.list(t, ".", nil) {
			r.bundle(t, namespace, id, by, inside)
		}
	})
}

func (r *reader) bundle(t *host.Tree, namespace, id string, by ns.Authority, inside bool) {
	name := path.Join(namespace, id, "config.json")
	text, authority := r.read(t, name)
	if text == nil {
		return
	}
	s, err := parseSpec(text, namespace == "moby")
	if err != nil {
		r.gap(path.Join(t.Path(), name), err)
		return
	}
	c := containerdContainer(namespace, id, s)
	c.Dir, c.Authority, c.Guest = path.Join(t.Path(), namespace, id), by.And(authority), inside
	if inside { // where paths and PIDs are others
		c.Sandbox = ""
	} else {
		c.pidFile = path.Join(c.Dir, "init.pid")
	}
	r.add(c)
	if c.dataDir != "" && !inside {
		r.dockerContainers(path.Dir(c.dataDir), c.Authority)
	}
}

// containerdContainer makes a container of its bundle. Those of dockerd have
// their names with dockerd.
func containerdContainer(namespace, id string, s spec) *Container {
	c := &Container{Owner: Owner{Runtime: "containerd", ID: id}, State: "running", cgroup: s.cgroup}
	if namespace == "moby" {
		c.Runtime = "docker"
		c.dataDir = dockerDir(id, s.binds)
	}
	a := s.annotations
	switch {
	case c.kubernetes(a, "io.kubernetes.cri.sandbox-namespace", "io.kubernetes.cri.sandbox-name", "io.kubernetes.cri.container-name", "io.kubernetes.cri.sandbox-uid"):
		if a["io.kubernetes.cri.container-type"] == "sandbox" && !strings.HasPrefix(s.netns, "/proc/") {
			c.Sandbox = s.netns
		}
	case a["nerdctl/name"] != "":
		c.Name = a["nerdctl/name"]
		c.label(a)
	case !isID(id):
		c.Name = id // as ctr run names it
	}
	return c
}

// dockerDir returns where dockerd keeps a container, from the files that it binds
// into it: <data-root>/containers/ID/hostname.
func dockerDir(id string, binds []string) string {
	for _, source := range binds {
		if dir := path.Dir(source); path.Base(dir) == id && absolute(dir) {
			return dir
		}
	}
	return ""
}
