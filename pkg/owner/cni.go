// SPDX-License-Identifier: Apache-2.0

package owner

import (
	"path"
	"strings"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// cniCaches are where CNI keeps what it has set up, until it is taken down again.
var cniCaches = []string{"/var/lib/cni/results", "/var/lib/cni/cache/results"}

// findCNI reads the CNI cache: a file "NETWORK-CONTAINERID-INTERFACE" for each
// interface of each container. It is the best word on a namespace whose processes
// are gone.
func findCNI(r *reader) {
	for _, dir := range cniCaches {
		if t := r.open(dir, ns.RootAuthority); t != nil {
			r.each(r.list(t, ".", nil), func(name string) { r.cniResult(t, name) })
			t.Close()
		}
	}
}

func (r *reader) cniResult(t *host.Tree, name string) {
	text, authority := r.read(t, name)
	if text == nil || !authority.Trusted {
		return
	}
	c, err := parseCNI(text)
	if err != nil {
		r.gap(path.Join(t.Path(), name), err)
		return
	}
	if c.ID == "" {
		return // of a CNI before 0.7, which wrote down the result alone
	}
	c.Dir, c.Authority = path.Join(t.Path(), name), authority
	if err := c.check(); err != nil {
		r.gap(c.Dir, err)
		return
	}
	r.mu.Lock()
	r.claims = append(r.claims, claim{Container: c})
	r.mu.Unlock()
}

func parseCNI(text []byte) (Container, error) {
	c := Container{Owner: Owner{Runtime: "cni"}}
	args := map[string]string{}
	err := object(text, map[string]any{
		"containerId": &c.ID,
		"netns":       &c.Sandbox,
		"cniArgs": func(v []byte) error {
			return items(v, func(v []byte) error { return cniArg(v, args) })
		},
		"result": func(v []byte) error {
			return object(v, map[string]any{
				"ips": func(v []byte) error { return items(v, c.cniIP) },
				"ip4": func(v []byte) error { return object(v, map[string]any{"ip": c.cniOldIP}) }, // of CNI 0.2
				"ip6": func(v []byte) error { return object(v, map[string]any{"ip": c.cniOldIP}) },
			})
		},
	})
	c.pod(args["K8S_POD_NAMESPACE"], args["K8S_POD_NAME"], "", args["K8S_POD_UID"])
	if dash := strings.LastIndexByte(c.ID, '-'); dash > 0 && isID(c.ID[dash+1:]) {
		c.ID = c.ID[dash+1:] // nerdctl puts its namespace before it
	}
	if strings.HasPrefix(c.Sandbox, "/proc/") {
		c.Sandbox = "" // the process of that PID may be another one by now
	}
	return c, err
}

func (c *Container) cniIP(v []byte) error {
	var address string
	err := object(v, map[string]any{"address": &address})
	c.addIPs(address)
	return err
}

func (c *Container) cniOldIP(v []byte) error {
	address, err := unquote(v)
	c.addIPs(address)
	return err
}

// cniArg reads a pair ["NAME","VALUE"].
func cniArg(v []byte, into map[string]string) error {
	var pair []string
	err := items(v, func(v []byte) error {
		s, err := unquote(v)
		if len(pair) < 3 {
			pair = append(pair, s)
		}
		return err
	})
	if len(pair) == 2 && strings.HasPrefix(pair[0], "K8S_POD_") {
		into[pair[0]] = pair[1]
	}
	return err
}
