// SPDX-License-Identifier: Apache-2.0

package owner

import (
	"path"
	"slices"
	"strings"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// storage is where Podman and CRI-O keep containers (containers/storage): what
// lasts in graph, what does not survive a boot in run.
type storage struct {
	graph, run string
	by         ns.Authority // whose word it is that it is there
}

// Where CRI-O reads its configuration from.
const (
	crioFile    = "/etc/crio/crio.conf"
	crioDropIns = "/etc/crio/crio.conf.d"
)

// findStorage reads the storage of root's Podman and of CRI-O:
// <graph>/DRIVER-containers/ID/userdata/config.json, and names beside it.
func findStorage(r *reader) {
	usual := storage{"/var/lib/containers/storage", "/run/containers/storage", ns.RootAuthority}
	set := usual
	for _, name := range []string{"/usr/share/containers/storage.conf", "/etc/containers/storage.conf"} {
		set = r.storageConfig(name, set)
	}
	all := []storage{usual, set, r.crioConfig(crioFile, crioDropIns, set)}
	for _, d := range r.running("crio", true) {
		s := r.crioConfig(configPath(d.flag("config", "c"), crioFile), configPath(d.flag("config-dir", "d"), crioDropIns), set)
		all = append(all, storage{configPath(d.flag("root", "r"), s.graph), configPath(d.flag("runroot"), s.run), d.authority})
	}
	for _, d := range r.running("conmon", true) {
		all = append(all, d.conmonStorage())
	}
	r.storages(all)
}

// findRootless reads what users have of their own: what the daemons and monitors
// that they run have, and the customary places of users with processes here.
func findRootless(r *reader) {
	var all []storage
	for _, d := range r.running("conmon", false) {
		all = append(all, d.conmonStorage())
	}
	for _, d := range r.running("dockerd", false) {
		if root := d.flag("data-root"); absolute(root) {
			r.dockerRoot(root, d.authority)
		}
	}
	for uid, home := range r.homes() {
		if r.over() {
			break
		}
		by := r.userAuthority(uid)
		all = append(all, storage{path.Join(home, ".local/share/containers/storage"), path.Join("/run/user", uid, "containers"), by})
		r.dockerRoot(path.Join(home, ".local/share/docker"), by)
	}
	r.storages(all)
}

// storages reads each storage once; one without a run directory of its own goes
// with the customary one.
func (r *reader) storages(all []storage) {
	var done []storage
	for _, s := range all {
		if !absolute(s.graph) || slices.Contains(done, s) {
			continue
		}
		done = append(done, s)
	}
	r.eachIndex(len(done), func(i int) {
		s := done[i]
		if !absolute(s.run) {
			s.run = "/run/containers/storage"
		}
		r.storage(s)
	})
}

func (r *reader) storage(s storage) {
	t := r.open(s.graph, s.by)
	if t == nil {
		return
	}
	defer t.Close()
	run, err := r.host.OpenTree(s.run)
	if err != nil {
		r.gap(s.run, err)
		run = nil
	} else {
		defer run.Close()
	}
	for _, dir := range r.list(t, ".", func(name string) bool { return strings.HasSuffix(name, "-containers") }) {
		names, by := r.storageNames(t, dir, "containers.json", s.by)
		if run != nil {
			more, its := r.storageNames(run, dir, "volatile-containers.json", s.by)
			for id, name := range more {
				names[id], by = name, by.And(its)
			}
		}
		ids := r.list(t, dir, isID)
		for id := range names { // a file of names may have one whose directory is not readable
			if i, ok := slices.BinarySearch(ids, id); !ok && isID(id) {
				ids = slices.Insert(ids, i, id)
			}
		}
		r.each(ids, func(id string) { r.storageContainer(t, run, path.Join(dir, id, "userdata"), id, names[id], by) })
		r.again(s.graph, func(t *host.Tree, id string) { r.newStorageContainer(t, s, dir, id) })
	}
}

// newStorageContainer reads one that was not there when all were read.
func (r *reader) newStorageContainer(t *host.Tree, s storage, dir, id string) {
	if names, by := r.storageNames(t, dir, "containers.json", s.by); names[id] != "" {
		run, err := r.host.OpenTree(s.run)
		if err != nil {
			r.gap(s.run, err)
			return
		}
		defer run.Close()
		r.storageContainer(t, run, path.Join(dir, id, "userdata"), id, names[id], by)
	}
}

// storageContainer reads one container, whose name, and that it is there, is
// somebody's word.
func (r *reader) storageContainer(t, run *host.Tree, dir, id, name string, by ns.Authority) {
	c := &Container{Owner: Owner{Runtime: "podman", ID: id, Name: name, Authority: by.And(t.Authority())}, State: "created", Dir: path.Join(t.Path(), dir)}
	file, from := path.Join(dir, "config.json"), t
	text, authority := r.read(t, file)
	if text == nil && run != nil {
		from = run
		text, authority = r.read(run, file)
	}
	if text != nil {
		c.Authority = c.Authority.And(authority)
		s, err := parseSpec(text, false)
		if err != nil {
			r.gap(path.Join(from.Path(), file), err)
		} else {
			c.storageSpec(s)
		}
	}
	if run != nil {
		c.pidFile = path.Join(run.Path(), dir, "pidfile")
	}
	if text != nil {
		c.State = "stopped" // unless its process is there
	}
	r.add(c)
}

// storageSpec takes what the bundle of a container of Podman or CRI-O has.
func (c *Container) storageSpec(s spec) {
	a := s.annotations
	c.cgroup = s.cgroup
	manager := a["io.container.manager"]
	if manager == "cri-o" || manager == "" && a["io.kubernetes.pod.name"] != "" {
		c.Runtime = "cri-o"
		c.kubernetes(a, "io.kubernetes.pod.namespace", "io.kubernetes.pod.name", "io.kubernetes.container.name", "io.kubernetes.pod.uid")
		if a["io.kubernetes.cri-o.ContainerType"] != "sandbox" {
			return
		}
		c.addIPs(a["io.kubernetes.cri-o.IP.0"], a["io.kubernetes.cri-o.IP.1"])
		if !strings.HasPrefix(s.netns, "/proc/") {
			c.Sandbox, c.Name = s.netns, ""
		}
		return
	}
	// Podman makes names of its own. Any other path is a namespace that a user had.
	if base := path.Base(s.netns); strings.HasPrefix(base, "netns-") || strings.HasPrefix(base, "cni-") {
		c.Sandbox = s.netns
	}
}

// storageNames reads the names of containers, by ID, and whose word they are, where the
// storage is somebody's.
func (r *reader) storageNames(t *host.Tree, dir, file string, by ns.Authority) (map[string]string, ns.Authority) {
	names := map[string]string{}
	name := path.Join(dir, file)
	text, authority := r.read(t, name)
	if text == nil {
		return names, by
	}
	if err := parseStorageNames(text, names); err != nil {
		r.gap(path.Join(t.Path(), name), err)
	}
	return names, by.And(authority)
}

func parseStorageNames(text []byte, names map[string]string) error {
	return items(text, func(v []byte) error {
		var id, name string
		err := object(v, map[string]any{"id": &id, "names": func(v []byte) (err error) {
			name, err = firstString(v)
			return err
		}})
		if name != "" && len(id) <= maxName {
			names[id] = name
		}
		return err
	})
}

// firstString returns the first element of a JSON array of strings, "" if it has none.
func firstString(v []byte) (first string, err error) {
	err = items(v, func(v []byte) (err error) {
		if first == "" {
			first, err = unquote(v)
		}
		return err
	})
	return first, err
}

// conmonStorage returns the storage in the command line of a container's monitor:
// -b <graph>/DRIVER-containers/ID/userdata and -p <run>/…/userdata/pidfile.
func (d *daemon) conmonStorage() storage {
	bundle, pid := d.flag("b", "bundle"), path.Dir(d.flag("p", "container-pidfile"))
	return storage{upFrom(bundle), upFrom(pid), d.authority}
}

// upFrom takes "/DRIVER-containers/ID/userdata" off a path, "" for any other.
func upFrom(dir string) string {
	containers := path.Dir(path.Dir(path.Clean(dir)))
	if path.Base(dir) != "userdata" || !strings.HasSuffix(containers, "-containers") || !absolute(dir) {
		return ""
	}
	return path.Dir(containers)
}
