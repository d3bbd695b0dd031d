// SPDX-License-Identifier: Apache-2.0

package runtimes

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// iface is a network interface, as in JSON.
type iface struct {
	Name, Kind, MAC string
	Index           int
	Up              bool
	Addrs           []string
	Peer            *struct {
		Index     int
		Name      string
		Namespace struct{ Inode uint64 }
	}
}

// checkNetwork checks that a container on a bridge network is found by its
// address, its hardware address and its veth on the host, that its links are reported,
// and that a command can be run where it is. The oracles are the runtime, for the
// address, and the container's own /sys, which inside gives access to.
func checkNetwork(t *testing.T, n nsinspect, c container, inside func(command ...string) string) {
	t.Helper()
	inode, own := c.netns(t), inodeOf(t, "/proc/self/ns/net")
	if len(c.ips) == 0 {
		t.Fatalf("%s has no address", c.name)
	}
	mac := strings.TrimSpace(inside("busybox", "cat", "/sys/class/net/eth0/address"))
	outer := hostLink(t, inside("busybox", "cat", "/sys/class/net/eth0/iflink"))
	for flag, text := range map[string]string{"--ip": c.ips[0], "--mac": mac, "--dev": outer} {
		var a struct {
			usesAnswer
			Matched struct {
				By, Value, Device string
				Namespace         struct{ Inode uint64 }
			}
		}
		n.answer(t, &a, "who-uses", flag, text, "-o", "json")
		if a.Namespace.Inode != inode || a.Namespace.Owner == nil || a.Namespace.Owner.Name != bare(c) {
			t.Errorf("who-uses %s %s: net:[%d] of %+v, want net:[%d] of %s", flag, text, a.Namespace.Inode, a.Namespace.Owner, inode, bare(c))
		}
		device, at := "eth0", inode
		if flag == "--dev" {
			device, at = outer, own
		}
		if a.Matched.Device != device || a.Matched.Namespace.Inode != at || "--"+a.Matched.By != flag || a.Matched.Value != text {
			t.Errorf("who-uses %s %s: matched %+v, want %s in net:[%d]", flag, text, a.Matched, device, at)
		}
	}
	checkLinks(t, n, c, inode, own, mac, outer)
	stdout, stderr, status := n.exec(t, bare(c), "ip", "-4", "-oneline", "address", "show", "dev", "eth0")
	if status != 0 || !strings.Contains(stdout, " "+c.ips[0]+"/") {
		t.Errorf("exec %s: exit status %d: %s%s, want address %s", bare(c), status, stdout, stderr, c.ips[0])
	}
}

// checkLinks checks that list shows the eth0 of a container with its address and
// where its other end is, and that end with where eth0 is.
func checkLinks(t *testing.T, n nsinspect, c container, inode, own uint64, mac, outer string) {
	t.Helper()
	list := n.list(t)
	eth0, ok := list.link(inode, "eth0")
	if !ok || eth0.Kind != "veth" || eth0.MAC != mac || !eth0.Up {
		t.Errorf("list: eth0 of %s is %+v, want a veth %s that is up", c.name, eth0, mac)
	}
	for _, ip := range c.ips {
		if !slices.ContainsFunc(eth0.Addrs, func(a string) bool { return strings.HasPrefix(a, ip+"/") }) {
			t.Errorf("list: eth0 of %s has %v, want %s", c.name, eth0.Addrs, ip)
		}
	}
	if eth0.Peer == nil || eth0.Peer.Namespace.Inode != own || eth0.Peer.Name != outer {
		t.Errorf("list: the other end of eth0 of %s is %+v, want %s in net:[%d]", c.name, eth0.Peer, outer, own)
	}
	if back, ok := list.link(own, outer); !ok || back.Peer == nil || back.Peer.Namespace.Inode != inode || back.Peer.Name != "eth0" {
		t.Errorf("list: the other end of %s is %+v, want eth0 in net:[%d]", outer, back.Peer, inode)
	}
}

// checkNoNetwork checks that nothing is found any more by what a container had.
func checkNoNetwork(t *testing.T, n nsinspect, c container) {
	t.Helper()
	for _, ip := range c.ips {
		stdout, stderr, status := n.run(t, "who-uses", "--ip", ip)
		if status != 1 || stdout != "" || !strings.Contains(stderr, "no address "+ip) {
			t.Errorf("who-uses --ip %s: exit status %d, stdout %q, stderr %q; want 1 and that there is none", ip, status, stdout, stderr)
		}
	}
}

// hostLink is the name of our own network interface with an index.
func hostLink(t *testing.T, index string) string {
	t.Helper()
	i, err := strconv.Atoi(strings.TrimSpace(index))
	if err != nil {
		t.Fatal(err)
	}
	dev, err := net.InterfaceByIndex(i)
	if err != nil {
		t.Fatal(fmt.Errorf("find the veth on the host: %w", err))
	}
	return dev.Name
}

// exec runs a command where a reference points at; flags come before it.
func (n nsinspect) exec(t testing.TB, ref string, command ...string) (stdout, stderr string, status int) {
	t.Helper()
	args := append([]string{"exec"}, n.flags...)
	args = append(args, ref, "--")
	return nsinspect{binary: n.binary}.run(t, append(args, command...)...)
}

// link is an interface of the namespace with that inode.
func (a listAnswer) link(inode uint64, name string) (iface, bool) {
	ns, _ := a.find(inode)
	i := slices.IndexFunc(ns.Links, func(l iface) bool { return l.Name == name })
	if i < 0 {
		return iface{}, false
	}
	return ns.Links[i], true
}
