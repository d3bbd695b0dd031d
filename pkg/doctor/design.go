// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"path"
	"strings"

	"github.com/nsinspect/nsinspect/internal/text"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// byDesign reports whether a namespace without processes is one that a program
// which is running keeps on purpose.
func (x *inspection) byDesign(n *ns.Namespace) bool {
	for i := range n.Holders {
		h := &n.Holders[i]
		if h.Kind == ns.KindMount && (x.swarms(h.Path) || rootless(n, h.Path) || x.pooled(h.Path)) {
			return true
		}
	}
	return x.stored(n)
}

// runtimesOwn reports whether a name is where container runtimes keep theirs, and
// nobody looks for one with ip netns: a user's directory, or Docker's.
func runtimesOwn(name string) bool {
	dir := path.Dir(name)
	return strings.HasPrefix(name, "/run/user/") || path.Base(dir) == "netns" && dir != runNetns
}

// served reports whether a program elsewhere serves a namespace without processes:
// by sockets that speak IP there, as haproxy does, or by the other end of a tun
// device.
func served(n *ns.Namespace) bool {
	for i := range n.Holders {
		h := &n.Holders[i]
		if h.Kind == ns.KindTun || h.Kind == ns.KindSocket && speaksIP(h.Socket) {
			return true
		}
	}
	return false
}

func speaksIP(s ns.Socket) bool {
	family := s.Words().Family
	return family == "inet" || family == "inet6"
}

// poolName is where buildkitd keeps namespaces ready for steps of builds to come
// (util/network/cniprovider, createns_linux.go).
var poolName = text.Pattern{Text: `/net/cni/[0-9a-z]{20,30}$`}

func (x *inspection) pooled(name string) bool {
	return poolName.Compiled().MatchString(name) && (x.daemon("buildkitd") != nil || x.daemon("dockerd") != nil)
}

// swarmName is what dockerd calls namespaces that are of a network and of no
// container: overlay networks and load balancers of swarm mode, which have no
// process (libnetwork/drivers/overlay, ov_network.go; sandbox.go).
var swarmName = text.Pattern{Text: `^(ingress_sbox|lb_[0-9a-z]+|[0-9]{1,4}-[0-9a-z]{7,10})$`}

func (x *inspection) swarms(name string) bool {
	return runtimesOwn(name) && swarmName.Compiled().MatchString(path.Base(name)) && x.daemon("dockerd") != nil
}

// rootless reports whether a namespace is the one that a user's Podman puts
// between the user's containers and the host. slirp4netns or pasta serve it from outside,
// by its tap device.
func rootless(n *ns.Namespace, name string) bool {
	return strings.HasPrefix(path.Base(name), "rootless-netns") && n.Count(ns.KindTun) > 0
}

// stored reports whether systemd keeps a namespace for a unit with
// PrivateNetwork=: it leaves its file in a socket pair, to be received by the
// unit's next process (src/core/namespace.c, setup_shareable_ns).
func (x *inspection) stored(n *ns.Namespace) bool {
	if x.state(n) != elsewhere {
		return false
	}
	for i := range n.Holders {
		h := &n.Holders[i]
		if h.Kind != ns.KindInflight || h.PID == 0 || h.Via == ns.ViaSender {
			return false
		}
		if p := x.process(h.PID); p == nil || p.Comm != "systemd" {
			return false
		}
	}
	return true
}

// dockerLeftover reports whether a plain file was the name of a container that has
// been removed: dockerd unmounts it and deletes the file within a minute
// (libnetwork/osl/namespace_linux.go, removeUnusedPaths).
func (x *inspection) dockerLeftover(dangling *ns.DanglingName) bool {
	base := path.Base(dangling.Path)
	if !runtimesOwn(dangling.Path) || !sandboxName.Compiled().MatchString(base) && !swarmName.Compiled().MatchString(base) {
		return false
	}
	d := x.daemon("dockerd")
	return d != nil && !d.Started.After(dangling.Made)
}

var sandboxName = text.Pattern{Text: `^[0-9a-f]{12}$`}

const runNetns = "/run/netns"

// patterns are how programs name the namespaces they make.
var patterns = []struct {
	name  *text.Pattern
	maker string
}{
	{&text.Pattern{Text: `^cni-[0-9a-f]{8}-[0-9a-f]{4}-`}, "containerd's CRI plugin"},
	{&text.Pattern{Text: `^netns-[0-9a-f]{8}-[0-9a-f]{4}-`}, "Podman"},
	{&text.Pattern{Text: `^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`}, "CRI-O"},
	{&text.Pattern{Text: `^(qrouter|qdhcp|snat|fip|qlbaas)-[0-9a-f]{8}-`}, "OpenStack Neutron"},
	{&sandboxName, "Docker"},
}

// namingProgram returns the program that gives names like this one, "" if none is known.
func namingProgram(base string) string {
	for _, p := range patterns {
		if p.name.Compiled().MatchString(base) {
			return p.maker
		}
	}
	return ""
}
