// SPDX-License-Identifier: Apache-2.0

package owner

import (
	"path"
	"strings"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// lxcDirs are where each of the runtimes that are built on liblxc has a directory
// for every container. Their cgroups look alike.
var lxcDirs = []struct{ runtime, dir string }{
	{"lxc", "/var/lib/lxc"},
	{"incus", "/var/lib/incus/containers"},
	{"lxd", "/var/snap/lxd/common/lxd/containers"},
	{"lxd", "/var/lib/lxd/containers"},
}

// findLXC reads the names of the containers of LXC, Incus and LXD. In a project
// other than the default one that is "PROJECT_NAME", as in their cgroups.
func findLXC(r *reader) {
	dirs := lxcDirs
	if dir := lxcPath(r.config("/etc/lxc/lxc.conf")); dir != "" {
		dirs = append(dirs[:len(dirs):len(dirs)], struct{ runtime, dir string }{"lxc", dir})
	}
	for _, l := range dirs {
		t := r.open(l.dir, ns.RootAuthority)
		if t == nil {
			continue
		}
		entries, err := t.ReadDir(".", mostEntries)
		if err != nil {
			r.gap(l.dir, err)
		}
		for _, e := range entries {
			if l.runtime != "lxc" || e.IsDir() {
				r.add(&Container{Owner: Owner{Runtime: l.runtime, Name: e.Name(), Authority: t.Authority()}, Dir: path.Join(l.dir, e.Name())})
			}
		}
		t.Close()
	}
}

// lxcPath reads from lxc.conf where LXC is configured to keep its containers.
func lxcPath(text []byte) string {
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(line, "=")
		if value = strings.TrimSpace(value); strings.TrimSpace(key) == "lxc.lxcpath" && absolute(value) {
			return value
		}
	}
	return ""
}
