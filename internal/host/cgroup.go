// SPDX-License-Identifier: Apache-2.0

package host

import (
	"iter"
	"strings"
)

// Cgroup is a line of /proc/PID/cgroup (cgroups(7)): the cgroup of a process in one hierarchy.
type Cgroup struct {
	Hierarchy   string // its ID; 0 for cgroup v2
	Controllers string // separated by commas; "name=systemd", for one without any; "" for cgroup v2
	Path        string
}

// Cgroups returns the lines of /proc/PID/cgroup; what is none is left out.
func Cgroups(text string) iter.Seq[Cgroup] {
	return func(yield func(Cgroup) bool) {
		for line := range strings.Lines(text) {
			hierarchy, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":") // if there is none, rest has none either
			controllers, path, ok := strings.Cut(rest, ":")
			if ok && !yield(Cgroup{hierarchy, controllers, path}) {
				return
			}
		}
	}
}
