// SPDX-License-Identifier: Apache-2.0

package owner

import (
	"path"
	"slices"
	"strings"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// dockerDataRoots are where dockerd keeps its containers, unless it is configured to keep
// them elsewhere.
var dockerDataRoots = []string{
	"/var/lib/docker",
	"/var/snap/docker/common/var-lib-docker",
}

// findDocker reads what dockerd keeps and then, since its containers are in there
// too, what containerds do.
func findDocker(r *reader) {
	r.dockerRoots()
	r.containerdStates()
}

// dockerRoots reads <data-root>/containers/ID/config.v2.json of every data root: by
// default, in the daemon's configuration, on the command line of one that runs.
func (r *reader) dockerRoots() {
	roots := append(slices.Clone(dockerDataRoots), dockerConfigRoots(r.config("/etc/docker/daemon.json"))...)
	for _, d := range r.running("dockerd", true) {
		if root := d.flag("data-root", "graph", "g"); root != "" {
			roots = append(roots, root)
		} else if config := d.flag("config-file"); config != "" {
			roots = append(roots, dockerConfigRoots(r.config(config))...)
		}
	}
	for _, root := range roots {
		r.dockerRoot(root, ns.RootAuthority)
	}
}

// dockerRoot reads a data root that there is by somebody's word: its containers and,
// where dockerd maps users (userns-remap), those in a directory "UID.GID".
func (r *reader) dockerRoot(root string, by ns.Authority) {
	r.dockerContainers(path.Join(root, "containers"), by)
	t := r.open(root, by)
	if t == nil {
		return
	}
	defer t.Close()
	for _, name := range r.list(t, ".", func(name string) bool { return strings.Trim(name, "0123456789.") == "" }) {
		r.dockerContainers(path.Join(root, name, "containers"), by)
	}
}

// dockerConfigRoots reads the data root from a daemon.json.
func dockerConfigRoots(text []byte) []string {
	var root, graph string
	if err := object(text, map[string]any{"data-root": &root, "graph": &graph}); err != nil {
		return nil // dockerd would not start with it
	}
	return slices.DeleteFunc([]string{root, graph}, func(s string) bool { return !absolute(s) })
}

func (r *reader) dockerContainers(dir string, by ns.Authority) {
	t := r.open(dir, by)
	if t == nil {
		return
	}
	defer t.Close()
	r.each(r.list(t, ".", isID), func(id string) { r.dockerContainer(t, id, by) })
	r.again(dir, func(t *host.Tree, id string) { r.dockerContainer(t, id, by) })
}

func (r *reader) dockerContainer(t *host.Tree, id string, by ns.Authority) {
	name := path.Join(id, "config.v2.json")
	text, authority := r.read(t, name)
	if text == nil {
		return
	}
	c, err := parseDocker(text)
	if err == nil && c.ID != id {
		err = errOtherID
	}
	if err != nil {
		r.gap(path.Join(t.Path(), name), err)
		return
	}
	c.Dir, c.Authority = path.Join(t.Path(), id), by.And(authority)
	r.add(c)
}

// parseDocker reads a config.v2.json. The state in it may be stale: it
// is written when dockerd does something, and a killed one does nothing.
func parseDocker(text []byte) (*Container, error) {
	c := &Container{Owner: Owner{Runtime: "docker"}}
	var running, paused bool
	var labels map[string]string
	err := object(text, map[string]any{
		"ID":   &c.ID,
		"Name": &c.Name,
		"State": func(v []byte) error {
			return object(v, map[string]any{"Running": &running, "Paused": &paused, "Pid": &c.PID})
		},
		"Config": func(v []byte) error { return object(v, map[string]any{"Labels": &labels}) },
		"NetworkSettings": func(v []byte) error {
			return object(v, map[string]any{"SandboxKey": &c.Sandbox, "Networks": c.dockerNetworks})
		},
	})
	if err != nil {
		return nil, err
	}
	c.Name = strings.TrimPrefix(c.Name, "/")
	switch {
	case paused:
		c.State = "paused"
	case running:
		c.State = "running"
	default:
		c.State, c.PID = "stopped", 0
	}
	c.label(labels)
	return c, nil
}

func (c *Container) dockerNetworks(v []byte) error {
	return members(v, func(_ string, network []byte) error {
		var ip4, ip6 string
		err := object(network, map[string]any{"IPAddress": &ip4, "GlobalIPv6Address": &ip6})
		c.addIPs(ip4, ip6)
		return err
	})
}

func (c *Container) addIPs(ips ...string) {
	for _, ip := range ips {
		ip, _, _ = strings.Cut(ip, "/")
		if ip != "" && len(ip) <= maxName && len(c.IPs) < maxIPs && !slices.Contains(c.IPs, ip) {
			c.IPs = append(c.IPs, ip)
		}
	}
}

// label takes what compose, and the kubelet over cri-dockerd, have put into a
// container's labels.
func (c *Container) label(labels map[string]string) {
	if service := labels["com.docker.compose.service"]; service != "" {
		c.Service = service
		if project := labels["com.docker.compose.project"]; project != "" {
			c.Service = project + "/" + service
		}
	}
	if pod := labels["io.kubernetes.pod.name"]; pod != "" {
		c.pod(labels["io.kubernetes.pod.namespace"], pod, labels["io.kubernetes.container.name"], labels["io.kubernetes.pod.uid"])
	}
}

// pod marks the container as one of a pod's. The one that holds the pod's
// namespaces has no name there.
func (c *Container) pod(namespace, name, container, uid string) {
	if namespace == "" || name == "" {
		return
	}
	c.Pod, c.Name, c.Static = namespace+"/"+name, container, isStatic(uid)
	if container == "POD" { // as the kubelet calls it over cri-dockerd
		c.Name = ""
	}
}
