// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"strings"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// daemons are programs that many others depend on: no command is printed that ends one.
var daemons = [...]string{
	"dockerd", "containerd", "crio", "kubelet", "incusd", "lxd", "libvirtd",
	"systemd", "init", "NetworkManager", "systemd-network", "dbus-daemon", "dbus-broker",
}

// attendants returns the programs of a runtime that have something open in the namespace of
// a container for as long as that runs: dockerd resolves names there. The names of
// processes, which have at most 15 bytes.
func attendants(runtime string) []string {
	switch runtime {
	case "docker":
		return []string{"dockerd", "docker-proxy", "containerd", "containerd-shim"}
	case "containerd":
		return []string{"containerd", "containerd-shim"}
	case "podman":
		return []string{"conmon", "aardvark-dns", "pasta", "slirp4netns", "rootlessport"}
	case "cri-o":
		return []string{"crio", "conmon"}
	case "incus":
		return []string{"incusd"}
	case "lxd":
		return []string{"lxd"}
	}
	return nil
}

// attends reports whether a holder is something that the runtime of a namespace's
// container has open there itself, and closes when the container stops.
func (a *Adviser) attends(n *ns.Namespace, h *ns.Holder) bool {
	if a.Owners == nil || h.IsTask() || h.Process == nil || h.Process.UID != 0 {
		return false
	}
	o := a.Owners().Namespace(n)
	if o == nil || !o.Authority.Trusted {
		return false
	}
	for _, comm := range attendants(o.Runtime) {
		if h.Process.Comm == comm || comm == "containerd-shim" && strings.HasPrefix(h.Process.Comm, comm) {
			return true
		}
	}
	return false
}
