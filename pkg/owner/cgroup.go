// SPDX-License-Identifier: Apache-2.0

package owner

import (
	"cmp"
	"slices"
	"strings"

	"github.com/nsinspect/nsinspect/internal/host"
)

// place is what one directory on a cgroup's path means: that a container is in it,
// or the pod of one.
type place struct {
	runtime string // "" if the name of the directory does not show it
	id      string // of the container
	name    string // of a container that goes by its name, as lxc's do
	podUID  string
	service string // the nearest service of systemd around it
	in      group  // the cgroup that the directory is made in
	outer   string // the container around it, by its ID or name; "" if there is none
}

// group is a cgroup of one hierarchy.
type group struct {
	hierarchy string // "0" for v2, else the controllers of v1
	path      string
}

// membership is what the cgroups of a process say of it.
type membership struct {
	places []place // the innermost first
	paths  []group // the cgroups, and all above them, the innermost first
	unit   string  // the systemd unit, see unitOf
	unitIn group   // the cgroup that the unit's is made in
}

// parseCgroup reads /proc/PID/cgroup. Containers may be visible in any of the
// hierarchies of cgroup v1 or in v2, and units in v2 or in the one named systemd
// (cgroups(7)).
func parseCgroup(text []byte) membership {
	var m membership
	var groups []group
	for c := range host.Cgroups(string(text)) {
		g := group{cmp.Or(c.Controllers, c.Hierarchy), strings.TrimSuffix(c.Path, " (deleted)")}
		if g.path == "/" || g.path == "" {
			continue
		}
		if unit, in := unitOf(g.path); unit != "" && m.unit == "" && (c.Controllers == "name=systemd" || c.Hierarchy == "0" && c.Controllers == "") {
			m.unit, m.unitIn = unit, group{g.hierarchy, in}
		}
		if !slices.ContainsFunc(groups, func(h group) bool { return h.path == g.path }) {
			groups = append(groups, g)
		}
	}
	for _, g := range groups {
		m.places = append(m.places, placesOf(g)...)
		for at := len(g.path); at > 0; at = strings.LastIndexByte(g.path[:at], '/') {
			m.paths = append(m.paths, group{g.hierarchy, g.path[:at]})
		}
	}
	return m
}

// placesOf reads the path of a cgroup, from the innermost directory outwards.
func placesOf(g group) []place {
	var places []place
	parts := strings.Split(strings.Trim(g.path, "/"), "/")
	for i := len(parts) - 1; i >= 0; i-- {
		above := ""
		if i > 0 {
			above = parts[i-1]
		}
		p, ok := placeOf(parts[i], above)
		if !ok {
			continue
		}
		for _, around := range slices.Backward(parts[:i]) {
			if strings.HasSuffix(around, ".service") && p.service == "" {
				p.service = unescapeUnit(around)
			}
			if p.podUID == "" {
				p.podUID = podUID(around)
			}
		}
		p.in = group{g.hierarchy, "/" + strings.Join(parts[:i], "/")}
		places = append(places, p)
	}
	around(places)
	return places
}

// containerPrefixes are how runtimes name the cgroup of a container: before its
// ID. With the systemd driver ".scope" follows.
var containerPrefixes = []struct{ prefix, runtime string }{
	{"docker-", "docker"},
	{"cri-containerd-", "containerd"},
	{"nerdctl-", "containerd"},
	{"crio-", "cri-o"},            // not crio-conmon-, which is its monitor
	{"libpod-payload-", "podman"}, // with --cgroups=split, inside a service
	{"libpod-", "podman"},         // not libpod-conmon-
}

// placeOf reads the name of one directory on the path of a cgroup.
func placeOf(part, above string) (place, bool) {
	if name, ok := lxcName(part, above); ok {
		return place{runtime: "lxc", name: name}, true
	}
	if uid := podUID(part); uid != "" && !strings.Contains(part, ":") {
		return place{runtime: "kubernetes", podUID: uid}, true
	}
	// Where runc takes a path that is meant for systemd literally:
	// "kubepods-burstable-podUID.slice:cri-containerd:ID".
	if slice, rest, ok := strings.Cut(part, ":"); ok {
		prefix, id, _ := strings.Cut(rest, ":")
		p, ok := placeOf(prefix+"-"+id, "")
		if !ok || p.id == "" {
			return place{}, false
		}
		p.podUID = podUID(slice)
		return p, true
	}
	part = strings.TrimSuffix(part, ".scope")
	for _, c := range containerPrefixes {
		if id, ok := strings.CutPrefix(part, c.prefix); ok && isID(id) {
			return place{runtime: c.runtime, id: id}, true
		}
	}
	switch {
	case !isID(part), above == "libpod_parent": // that is a pod of Podman's
		return place{}, false
	case above == "docker":
		return place{runtime: "docker", id: part}, true
	}
	return place{id: part}, true
}

// podUID returns the UID in the name of a pod's cgroup, "" of any other:
// "pod0123…" with the cgroupfs driver, "kubepods-burstable-pod0123_….slice" with
// systemd's, which has no "-" in a name. A static pod's is no UUID but a hash.
func podUID(part string) string {
	uid, ok := strings.CutPrefix(part, "pod")
	if slice, isSlice := strings.CutSuffix(part, ".slice"); isSlice && strings.Contains(part, "kubepods") {
		_, uid, ok = strings.Cut(slice, "-pod")
		uid = strings.ReplaceAll(uid, "_", "-")
	}
	if !ok || len(uid) < 32 || strings.Trim(uid, "0123456789abcdef-") != "" {
		return ""
	}
	return uid
}

// lxcName returns the name of the container that an lxc cgroup is of, as lxc
// calls it since version 4, and before that.
func lxcName(part, above string) (string, bool) {
	if name, ok := strings.CutPrefix(part, "lxc.payload."); ok && name != "" {
		return name, true
	}
	if (above == "lxc" || above == "lxc.payload") && part != "" {
		return part, true
	}
	return "", false
}

// unitOf returns the unit on the path of a cgroup: a service or a scope, and the cgroup that it
// is in. Slices only group others. It is the outermost one that is no user's service manager:
// what is inside of it is the unit's own, and may be another service manager with units of the
// same names.
func unitOf(cgroup string) (unit, in string) {
	parts := strings.Split(cgroup, "/")
	for i, part := range parts {
		if strings.HasSuffix(part, ".service") || strings.HasSuffix(part, ".scope") {
			unit, in = unescapeUnit(part), strings.Join(parts[:i], "/")
			if !strings.HasPrefix(part, "user@") {
				break
			}
		}
	}
	return unit, in
}

// unescapeUnit takes off the "_" that systemd puts before a name which the kernel
// could take for a file of its own (systemd, cg_escape).
func unescapeUnit(name string) string { return strings.TrimPrefix(name, "_") }

// cgroupPath turns the cgroupsPath of an OCI configuration into the end of the
// cgroup that a runtime makes of it: "slice:prefix:name" is systemd's.
func cgroupPath(spec string) string {
	slice, rest, ok := strings.Cut(spec, ":")
	if !ok {
		return spec
	}
	prefix, name, _ := strings.Cut(rest, ":")
	if prefix != "" {
		name = prefix + "-" + name
	}
	if !strings.HasSuffix(name, ".slice") {
		name += ".scope"
	}
	if slice == "" {
		slice = "system.slice"
	}
	return "/" + strings.Trim(slice, "/") + "/" + name
}
