// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nsinspect/nsinspect/internal/hosttest"
	"github.com/nsinspect/nsinspect/internal/need"
)

const (
	liar = 4077 // the UID of the user who lies
	web  = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa01"
)

// rootsRefs are references to what root has on the machine "trust", or has not.
var rootsRefs = []string{
	"blue", "red", "old", "gone", "web", "docker:web", web, web[:12], "stopped", "docker:stopped", "pod:kube-system/dns", "cni-1",
	"unit:nginx.service", "1004", "pid:1004", "4026532101", "net:[4026532102]", "host", "/run/netns/blue",
}

// lies has what a user makes up.
type lies struct {
	*rand.Rand
	dir string // the root of the machine
}

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
	return pick(l, "/proc/1001/ns/net", "/proc/1004/ns/net", "/proc/5001/ns/net", "/proc/5002/ns/net", "/run/netns/blue", "/run/netns/cni-1",
		"/run/docker/netns/0123456789ab", "/etc/passwd", "/run/user/4077/netns/mine", "/nothing", "/run/netns/new")
}

func (l lies) cgroup() string {
	in := pick(l, "/user.slice/user-4077.slice/user@4077.service/app.slice/", "/user.slice/user-4077.slice/user@4077.service/")
	return "0::" + in + pick(l, "docker-"+l.id()+".scope", "libpod-"+l.id()+".scope", "docker/"+l.id(), "nginx.service", "crio-"+l.id()+".scope",
		"cri-containerd-"+l.id()+".scope", "lxc.payload."+l.name(), "kubepods/pod11111111-2222-3333-4444-555555555555/"+l.id())
}

// spread writes what the user makes up, below directories of the user's alone and as
// the user's processes.
func (l lies) spread(t *testing.T) {
	t.Helper()
	var archive strings.Builder
	file := func(name, text string) { fmt.Fprintf(&archive, "-- %s --\n%s\n", name, text) }
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
			file("run/user/4077/netns/"+name+" -> "+l.place(), "")
		}
		made[name] = true
	}
	if l.IntN(3) == 0 {
		file("run/user/4077/netns/"+pick(l, "plain", "plain2"), "")
	}
	docker, graph := "home/u/d/containers/", "home/u/g/overlay-containers/"
	for range l.IntN(4) {
		id := l.id()
		file(docker+id+"/config.v2.json", fmt.Sprintf(`{"ID":%q,"Name":%s,"State":{"Running":true,"Pid":%d},"Config":{"Labels":{"io.kubernetes.pod.name":%s,"io.kubernetes.pod.namespace":"kube-system","io.kubernetes.container.name":"POD"}},"NetworkSettings":{"SandboxKey":%q}}`,
			id, quote("/"+l.name()), pick(l, 0, 1001, 1004, 5001), quote(pick(l, "", "dns", l.name())), l.place()))
	}
	id := l.id()
	file(graph+"containers.json", fmt.Sprintf(`[{"id":%q,"names":[%s]}]`, id, quote(l.name())))
	file(graph+id+"/userdata/config.json", fmt.Sprintf(`{"annotations":{"io.container.manager":%q,"io.kubernetes.pod.name":%s,"io.kubernetes.pod.namespace":"kube-system"},"linux":{"cgroupsPath":%q,"namespaces":[{"type":"network","path":%q}]}}`,
		pick(l, "libpod", "cri-o"), quote(l.name()), pick(l, "/system.slice/nginx.service", "/docker/"+web), pick(l, "/run/netns/netns-1", "/run/netns/cni-1", l.place())))
	file(graph+id+"/userdata/pidfile", pick(l, "1001", "1004", "5001"))
	for pid := 5000; pid < 5000+2+l.IntN(4); pid++ {
		comm := pick(l, "sleep", "conmon", "dockerd", "containerd", "crio", "containerd-shim")
		cmdline := pick(l, comm, comm+" --data-root=/home/u/d", comm+" -c "+id+" -b /home/u/g/overlay-containers/"+id+"/userdata -p /home/u/g/overlay-containers/"+id+"/userdata/pidfile",
			comm+" --root /home/u/g --config /home/u/c", comm+" --state /home/u/d")
		file(fmt.Sprintf("proc/%d (process)", pid), fmt.Sprintf("comm %s\ncmdline %s\nuid %d\nnet %d", comm, cmdline, liar, pick(l, 4026531840, 4026532900+pid)))
		file(fmt.Sprintf("proc/%d/cgroup", pid), pick(l, l.cgroup(), "0::/"))
		if pid > 5000 && l.IntN(2) == 0 {
			file(fmt.Sprintf("proc/%d/stat", pid), fmt.Sprintf("%d (x) S %d 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 900 0 0 0", pid, pid-1))
		}
	}
	if err := hosttest.Unpack(l.dir, []byte(archive.String())); err != nil {
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

// seen is what root sees of what is root's: for each command the exit status and the
// output, without what is a user's.
func seen(t *testing.T, dir string, refs []string) map[string]string {
	t.Helper()
	all := map[string]string{}
	out := func(args ...string) string {
		var stdout, stderr bytes.Buffer
		a := &app{stdout: &stdout, stderr: &stderr, env: os.Environ(), openTracer: openTracer}
		status := a.run(t.Context(), append(args, "--root", dir))
		message := stderr.String()
		if stdout.Len() > 0 { // else it is a note of something that is a user's
			message = ""
		}
		all[fmt.Sprint(args)] = fmt.Sprintf("%d %s", status, message)
		return stdout.String()
	}
	for i, n := range roots(t, out("list", "-o", "json"), "namespaces") {
		all[fmt.Sprint("listed ", i)] = n
	}
	for _, ref := range refs {
		text := out("who-uses", ref, "-o", "json")
		if text != "" {
			all["who-uses "+ref] = fmt.Sprint(roots(t, text, "namespace"))
			if ref != "host" { // which counts a user's processes
				all["verdict on "+ref] = fmt.Sprint(roots(t, text, "verdict"))
			}
		}
	}
	return all
}

// roots returns a member of a JSON document, or each element of one, without names
// that users have made and namespaces that are users'.
func roots(t *testing.T, text, member string) []string {
	t.Helper()
	var doc map[string]any
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	list, ok := doc[member].([]any)
	if !ok {
		list = []any{doc[member]}
	}
	var kept []string
	for _, v := range list {
		if n, ok := v.(map[string]any); ok {
			if n["inode"].(float64) > 4026532899 {
				continue
			}
			if n["initial"] == true {
				n["holder_counts"], n["processes"], n["holders"] = nil, nil, nil // a user's processes are in it
			}
			var names []any
			for _, name := range n["names"].([]any) {
				if !strings.HasPrefix(name.(map[string]any)["authority"].(string), "user") {
					names = append(names, name)
				}
			}
			n["names"] = names
		}
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		kept = append(kept, string(text))
	}
	return kept
}

// TestUserWhoLies has root's namespaces, every reference to them and every exit status
// be the same, whatever a user makes up.
func TestUserWhoLies(t *testing.T) {
	need.Root(t) // to make files of a user
	rounds := 150
	if *full {
		rounds = 10_000
	}
	archive, err := os.ReadFile("testdata/machines/trust.txtar")
	if err != nil {
		t.Fatal(err)
	}
	dir := hosttest.New(t, string(archive))
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	all := seen(t, dir, rootsRefs)
	for round := range rounds {
		l := lies{rand.New(rand.NewPCG(uint64(round), 1)), dir}
		l.spread(t)
		var refs []string
		for _, i := range l.Perm(len(rootsRefs))[:4] {
			refs = append(refs, rootsRefs[i])
		}
		got := seen(t, dir, refs)
		want := map[string]string{}
		for what := range got {
			want[what] = all[what]
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("round %d: root sees something else:\n%s", round, diff)
		}
		l.unsay(t)
	}
}
