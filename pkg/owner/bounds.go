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

// labelNames are the labels and annotations that are read. A file may have any number of
// others.
var labelNames = map[string]bool{
	"com.docker.compose.project":          true,
	"com.docker.compose.service":          true,
	"io.container.manager":                true,
	"io.kubernetes.container.name":        true,
	"io.kubernetes.cri-o.ContainerType":   true,
	"io.kubernetes.cri-o.IP.0":            true,
	"io.kubernetes.cri-o.IP.1":            true,
	"io.kubernetes.cri.container-name":    true,
	"io.kubernetes.cri.container-type":    true,
	"io.kubernetes.cri.sandbox-name":      true,
	"io.kubernetes.cri.sandbox-namespace": true,
	"io.kubernetes.pod.name":              true,
	"io.kubernetes.pod.namespace":         true,
	"nerdctl/name":                        true,
}

// labels reads those members of a JSON object that labelNames has, all of which are
// strings.
func labels(text []byte) (map[string]string, error) {
	found := map[string]string{}
	err := members(text, func(name string, value []byte) error {
		switch {
		case string(value) == "null":
			return nil
		case value[0] != '"':
			return errJSON
		case !labelNames[name]:
			return nil
		}
		s, err := unquote(value)
		found[name] = s
		return err
	})
	return found, err
}
