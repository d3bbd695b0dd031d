// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nsinspect/nsinspect/internal/hosttest"
)

func pick[T any](l lies, from ...T) T { return from[l.IntN(len(from))] }

func (l lies) name() string {
	if l.IntN(3) == 0 {
		return pick(l, "--all", "-rf", "$(reboot)", "a;b", "(host)", "x\x1b[31m", "a b", "\u202eevil", "host", "self", "1004", "4026532101", strings.Repeat("n", 200))
	}
	return pick(l, "blue", "red", "old", "web", "stopped", "dns", "cni-1", "gone", "nginx.service", web[:12], "bbbbbbbbbbbb", "mine")
}

func (l lies) id() string {
	return pick(l, web, "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb02", strings.Repeat("c", 62)+"03", strings.Repeat("f", 64), web[:63]+"9")
}

func (l lies) place() string {
	return pick(l, append([]string{"/run/netns/blue", "/run/netns/cni-1",
		"/run/docker/netns/0123456789ab", "/etc/passwd", "/run/user/4077/netns/mine", "/nothing", "/run/netns/new"}, l.places...)...)
}

func (l lies) cgroup() string {
	in := pick(l, "/user.slice/user-4077.slice/user@4077.service/app.slice/", "/user.slice/user-4077.slice/user@4077.service/")
	return "0::" + in + pick(l, "docker-"+l.id()+".scope", "libpod-"+l.id()+".scope", "docker/"+l.id(), "nginx.service", "crio-"+l.id()+".scope",
		"cri-containerd-"+l.id()+".scope", "lxc.payload."+l.name(), "kubepods/pod11111111-2222-3333-4444-555555555555/"+l.id())
}

// archive is what a user makes up, in the form that hosttest unpacks.
type archive struct{ strings.Builder }

func (a *archive) file(name, text string) { fmt.Fprintf(a, "-- %s --\n%s\n", name, text) }

// files are files below directories of the user's alone; id is of the container that the
// user's monitors are of.
func (l lies) files(t *testing.T, a *archive) (id string) {
	t.Helper()
	quote := func(s string) string {
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	safe := strings.NewReplacer("/", "_", "\x1b", "e", "\u202e", "b").Replace
	made := map[string]bool{}
	for range l.IntN(6) {
		name := safe(l.name())
		if !made[name] {
			a.file("run/user/4077/netns/"+name+" -> "+l.place(), "")
		}
		made[name] = true
	}
	if l.IntN(3) == 0 {
		a.file("run/user/4077/netns/"+pick(l, "plain", "plain2"), "")
	}
	docker, graph := "home/u/d/containers/", "home/u/g/overlay-containers/"
	for range l.IntN(4) {
		id := l.id()
		a.file(docker+id+"/config.v2.json", fmt.Sprintf(`{"ID":%q,"Name":%s,"State":{"Running":true,"Pid":%d},"Config":{"Labels":{"io.kubernetes.pod.name":%s,"io.kubernetes.pod.namespace":"kube-system","io.kubernetes.container.name":"POD"}},"NetworkSettings":{"SandboxKey":%q}}`,
			id, quote("/"+l.name()), pick(l, 0, 1001, 1004, 5001), quote(pick(l, "", "dns", l.name())), l.place()))
	}
	id = l.id()
	a.file(graph+"containers.json", fmt.Sprintf(`[{"id":%q,"names":[%s]}]`, id, quote(l.name())))
	a.file(graph+id+"/userdata/config.json", fmt.Sprintf(`{"annotations":{"io.container.manager":%q,"io.kubernetes.pod.name":%s,"io.kubernetes.pod.namespace":"kube-system"},"linux":{"cgroupsPath":%q,"namespaces":[{"type":"network","path":%q}]}}`,
		pick(l, "libpod", "cri-o"), quote(l.name()), pick(l, "/system.slice/nginx.service", "/docker/"+web), pick(l, "/run/netns/netns-1", "/run/netns/cni-1", l.place())))
	a.file(graph+id+"/userdata/pidfile", pick(l, "1001", "1004", "5001"))
	return id
}

// args are the arguments of a process that is called like a runtime's.
func (l lies) args(id string) string {
	return pick(l, "", "--data-root=/home/u/d", "-c "+id+" -b /home/u/g/overlay-containers/"+id+"/userdata -p /home/u/g/overlay-containers/"+id+"/userdata/pidfile",
		"--root /home/u/g --config /home/u/c", "--state /home/u/d")
}

func (l lies) comm() string {
	return pick(l, "sleep", "conmon", "dockerd", "containerd", "crio", "containerd-shim", "systemd", "(host)", "a) R 1 1", "\x1b[2Jx", "--all", "$(reboot)")
}

// spread writes what the user makes up, and the processes of a recorded machine.
func (l lies) spread(t *testing.T) {
	t.Helper()
	var a archive
	id := l.files(t, &a)
	for pid := 5000; pid < 5000+2+l.IntN(4); pid++ {
		comm := l.comm()
		a.file(fmt.Sprintf("proc/%d (process)", pid), fmt.Sprintf("comm %s\ncmdline %s %s\nuid %d\nnet %d", comm, comm, l.args(id), liar, pick(l, 4026531840, 4026532900+pid)))
		a.file(fmt.Sprintf("proc/%d/cgroup", pid), pick(l, l.cgroup(), "0::/"))
		if pid > 5000 && l.IntN(2) == 0 {
			a.file(fmt.Sprintf("proc/%d/stat", pid), fmt.Sprintf("%d (x) S %d 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 900 0 0 0", pid, pid-1))
		}
	}
	l.unpack(t, &a)
}

func (l lies) unpack(t *testing.T, a *archive) {
	t.Helper()
	if err := hosttest.Unpack(l.dir, []byte(a.String())); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"run/user/4077", "home/u"} {
		err := filepath.WalkDir(filepath.Join(l.dir, dir), func(name string, _ fs.DirEntry, err error) error {
			return errors.Join(err, os.Lchown(name, liar, liar))
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
}

// unsay takes away what spread wrote.
func (l lies) unsay(t *testing.T) {
	t.Helper()
	for _, pattern := range []string{"run/user", "home", "proc/50[0-9][0-9]"} {
		names, err := filepath.Glob(filepath.Join(l.dir, pattern))
		for _, name := range names {
			err = errors.Join(err, os.RemoveAll(name))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
