// SPDX-License-Identifier: Apache-2.0

package owner

import (
	"path"
	"strings"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// findMachines reads what systemd-machined knows of containers that run, those of
// systemd-nspawn before all: /run/systemd/machines/NAME.
func findMachines(r *reader) {
	const dir = "/run/systemd/machines"
	t := r.open(dir, ns.RootAuthority)
	if t == nil {
		return
	}
	defer t.Close()
	for _, name := range r.list(t, ".", func(name string) bool { return !strings.HasPrefix(name, "unit:") && name[0] != '.' }) {
		text, authority := r.read(t, name)
		if c, ok := parseMachine(name, text); ok {
			c.Dir, c.Authority = path.Join(dir, name), authority
			r.add(c)
		}
	}
}

// parseMachine reads the lines "KEY=value" of a machine that is a container.
func parseMachine(name string, text []byte) (*Container, bool) {
	field := map[string]string{}
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		field[key] = strings.Trim(value, `"`)
	}
	if field["CLASS"] != "container" {
		return nil, false
	}
	c := &Container{Owner: Owner{Runtime: "machine", Name: name, Unit: field["SCOPE"]}, State: "running"}
	if field["SERVICE"] == "systemd-nspawn" {
		c.Runtime = "nspawn"
	}
	c.PID, _ = ns.ParseTaskID(field["LEADER"]) // if there is none, none is known
	return c, true
}
