// SPDX-License-Identifier: Apache-2.0

package owner

import "fmt"

// No runtime makes anything of a container longer than this.
const (
	// maxName bounds a name: a DNS name has 253 bytes, which is what Kubernetes allows a
	// pod, a file name 255, as LXC and systemd have them (NAME_MAX, UNIT_NAME_MAX).
	maxName = 255
	// maxPath bounds a path, with its end (PATH_MAX).
	maxPath = 4095
	// maxIPs bounds how many addresses of a container are kept.
	maxIPs = 64
)

// LengthError is that something of a container is longer than any runtime makes it.
type LengthError struct {
	What          string
	Length, Limit int
}

func (e *LengthError) Error() string {
	return fmt.Sprintf("it has a %s of %d bytes, and none is longer than %d", e.What, e.Length, e.Limit)
}

// check returns a *LengthError if something of a container is longer than any runtime
// makes it. Pods and services are two names, with a "/" between them.
func (c *Container) check() error {
	for _, field := range []struct {
		what, value string
		limit       int
	}{
		{"container ID", c.ID, maxName}, {"name", c.Name, maxName}, {"unit", c.Unit, maxName},
		{"pod name", c.Pod, 2*maxName + 1}, {"service", c.Service, 2*maxName + 1},
		{"sandbox path", c.Sandbox, maxPath}, {"cgroup", c.cgroup, maxPath}, {"data directory", c.dataDir, maxPath},
	} {
		if len(field.value) > field.limit {
			return &LengthError{field.what, len(field.value), field.limit}
		}
	}
	return nil
}

// isLabel reports whether a label or annotation is one that is read. A file may have any number
// of others.
func isLabel(name string) bool {
	switch name {
	case "com.docker.compose.project",
		"com.docker.compose.service",
		"io.container.manager",
		"io.kubernetes.container.name",
		"io.kubernetes.cri-o.ContainerType",
		"io.kubernetes.cri-o.IP.0",
		"io.kubernetes.cri-o.IP.1",
		"io.kubernetes.cri.container-name",
		"io.kubernetes.cri.container-type",
		"io.kubernetes.cri.sandbox-name",
		"io.kubernetes.cri.sandbox-namespace",
		"io.kubernetes.cri.sandbox-uid",
		"io.kubernetes.pod.name",
		"io.kubernetes.pod.namespace",
		"io.kubernetes.pod.uid",
		"nerdctl/name":
		return true
	}
	return false
}

// labels reads those members of a JSON object that are labels by isLabel, all of which are
// strings.
func labels(text []byte) (map[string]string, error) {
	found := map[string]string{}
	err := members(text, func(name string, value []byte) error {
		switch {
		case string(value) == "null":
			return nil
		case value[0] != '"':
			return errJSON
		case !isLabel(name):
			return nil
		}
		s, err := unquote(value)
		found[name] = s
		return err
	})
	return found, err
}
