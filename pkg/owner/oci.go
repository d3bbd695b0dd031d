// SPDX-License-Identifier: Apache-2.0

package owner

import "strings"

// spec is what is asked of an OCI configuration, the config.json of a bundle.
type spec struct {
	annotations map[string]string
	netns       string // the path of the network namespace; "" if it gets one of its own
	cgroup      string
	binds       []string // where bind mounts come from
}

// parseSpec reads an OCI configuration, with binds where that is asked for.
func parseSpec(text []byte, binds bool) (spec, error) {
	var s spec
	var cgroup string
	want := map[string]any{
		"annotations": &s.annotations,
		"linux": func(v []byte) error {
			return object(v, map[string]any{"cgroupsPath": &cgroup, "namespaces": s.namespaces})
		},
	}
	if binds {
		want["mounts"] = s.mounts
	}
	err := object(text, want)
	s.cgroup = cgroupPath(cgroup)
	return s, err
}

func (s *spec) namespaces(v []byte) error {
	return items(v, func(v []byte) error {
		var kind, name string
		err := object(v, map[string]any{"type": &kind, "path": &name})
		if kind == "network" {
			s.netns = name
		}
		return err
	})
}

// mounts keeps where the few files come from that a runtime makes for each
// container: they show where it keeps its own.
func (s *spec) mounts(v []byte) error {
	return items(v, func(v []byte) error {
		var source string
		err := object(v, map[string]any{"source": &source})
		if strings.HasSuffix(source, "/hostname") || strings.HasSuffix(source, "/hosts") {
			s.binds = append(s.binds, source)
		}
		return err
	})
}

// kubernetes takes a pod's container from annotations under the names that the
// runtime has for namespace, pod, container and the UID of the pod.
func (c *Container) kubernetes(a map[string]string, namespace, pod, container, uid string) bool {
	if a[pod] == "" {
		return false
	}
	c.pod(a[namespace], a[pod], a[container], a[uid])
	return true
}
