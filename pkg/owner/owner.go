// SPDX-License-Identifier: Apache-2.0

// Package owner finds out whose a process or a namespace is: which container,
// pod, compose service or systemd unit.
//
// Everything is read from files of the machine: the cgroup of a process, and what
// container runtimes keep beside their containers. No daemon is asked, so a
// killed one's containers are known as well, and nothing is written. What was to
// be read and could not be is a gap.
package owner

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// Owner is what a process or namespace belongs to. What is unknown or absent is "".
type Owner struct {
	Runtime string // "docker", "containerd", "cri-o", "podman", "lxc", "incus", "lxd", "systemd", …
	ID      string // of the container, whole; of a pod's namespace that of its sandbox
	Name    string // of the container, within its pod if it is in one
	Pod     string // "NAMESPACE/NAME"
	Unit    string // "nginx.service"
	Service string // of docker compose: "PROJECT/SERVICE"

	Guest    bool // it is in a container itself: the machine's own runtimes do not have it
	Namesake bool // another container of the runtime has the name, too
	Static   bool // its pod is the kubelet's own, from a file: to delete it in the cluster ends nothing here

	Authority ns.Authority // who could have made it so
}

// String returns the owner as tables show it: as Ref and, of what is only a user's
// word, with " (uid 1000)".
func (o Owner) String() string { return o.Ref() + o.Authority.Suffix() }

// Ref returns the owner as a reference that the command line takes, where its word is
// trusted: "pod:default/web-1", "pod:default/web-1/nginx" for one container of a pod,
// "docker:web", "unit:nginx.service". A container without a known name goes by the
// first twelve digits of its ID.
func (o Owner) Ref() string {
	switch {
	case o.Pod != "" && o.Name != "":
		return "pod:" + o.Pod + "/" + o.Name
	case o.Pod != "":
		return "pod:" + o.Pod
	case o.Name != "":
		return o.Runtime + ":" + o.Name
	case o.ID != "":
		return o.Runtime + ":" + shortID(o.ID)
	case o.Unit != "":
		return "unit:" + o.Unit
	}
	return o.Runtime
}

// Describe returns the owner in words: "pod default/web-1", "docker container
// web, service shop/web", "unit nginx.service", "podman container web (uid 1000)".
func (o Owner) Describe() string { return o.describe() + o.Authority.Suffix() }

func (o Owner) describe() string {
	name := cmp.Or(o.Name, shortID(o.ID))
	var text string
	switch {
	case o.Pod != "" && o.Name != "":
		text = fmt.Sprintf("container %s of pod %s", o.Name, o.Pod)
	case o.Pod != "":
		text = "pod " + o.Pod
	case name == "" && o.Unit != "":
		return "unit " + o.Unit
	case name == "" || o.Runtime == "neutron":
		return o.Runtime
	case o.Runtime == "container":
		text = "container " + name
	default:
		text = o.Runtime + " container " + name
	}
	if o.Service != "" {
		text += ", service " + o.Service
	}
	if o.Unit != "" {
		text += ", unit " + o.Unit
	}
	return text
}

func shortID(id string) string {
	if isID(id) {
		return id[:12]
	}
	return id
}

// isID reports whether a text is a container ID as all runtimes but lxc make
// them: 64 hexadecimal digits.
func isID(s string) bool {
	return len(s) == 64 && strings.Trim(s, "0123456789abcdef") == ""
}

// Container is what a runtime has written down of one of its containers.
type Container struct {
	Owner
	PID     ns.TaskID // its first process; 0 if none runs
	State   string    // "running", "paused", "stopped", "created"; "" if the runtime's files do not have it
	Sandbox string    // the path of the network namespace that was made for it; "" if it has none of its own
	NetNS   uint64    // the inode of the namespace that is there now; 0 if none
	IPs     []string  // its addresses, without prefix lengths
	Dir     string    // where this was read

	pidFile string // where its runtime has put PID down; read when it is asked for
	cgroup  string // as its runtime was configured to name it
	dataDir string // of a container of dockerd's: where that has its files
}
