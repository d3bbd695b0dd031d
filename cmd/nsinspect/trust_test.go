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
	"slices"
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

// recordedWorld is the machine "trust".
func recordedWorld(dir string) world {
	w := world{dir, append([]string{"unit:nginx.service", "1004", "pid:1004", "4026532101", "net:[4026532102]"}, rootsRefs...), map[float64]bool{}}
	for inode := float64(4026532101); inode < 4026532106; inode++ {
		w.inodes[inode] = true
	}
	return w
}

// rootsRefs are references to what root has on every such machine, or has not.
var rootsRefs = []string{
	"blue", "red", "old", "gone", "web", "docker:web", web, web[:12], "stopped", "docker:stopped", "pod:kube-system/dns", "cni-1", "/run/netns/blue",
}

// recordedPlaces are what a user may say of places on the machine "trust".
var recordedPlaces = []string{"/proc/1001/ns/net", "/proc/1004/ns/net", "/proc/5001/ns/net", "/proc/5002/ns/net"}

// lies has what a user makes up.
type lies struct {
	*rand.Rand
	dir    string   // the root of the machine
	places []string // where namespaces are, and what is none
}

// world is the machine that root looks at.
type world struct {
	root   string           // what --root is given; "" for this machine
	refs   []string         // references to what root has, or has not
	inodes map[float64]bool // of root's namespaces
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
	return pick(l, "sleep", "conmon", "dockerd", "containerd", "crio", "containerd-shim")
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

// seen is what root sees of what is root's: for each command the exit status and the
// output, without what is a user's.
func (w world) seen(t *testing.T, refs []string) map[string]string {
	t.Helper()
	all := map[string]string{}
	out := func(args ...string) string {
		var stdout, stderr bytes.Buffer
		a := &app{stdout: &stdout, stderr: &stderr, env: os.Environ(), openTracer: openTracer}
		where := args
		if w.root != "" {
			where = append(slices.Clone(args), "--root", w.root)
		}
		status := a.run(t.Context(), where)
		message := stderr.String()
		if stdout.Len() > 0 { // else it is a note of something that is a user's
			message = ""
		}
		all[fmt.Sprint(args)] = fmt.Sprintf("%d %s", status, message)
		return stdout.String()
	}
	for i, n := range w.roots(t, out("list", "-o", "json"), "namespaces") {
		all[fmt.Sprint("listed ", i)] = n
	}
	for _, ref := range refs {
		text := out("who-uses", ref, "-o", "json")
		if text != "" {
			all["who-uses "+ref] = fmt.Sprint(w.roots(t, text, "namespace"))
			for _, member := range []string{"verdict", "fix", "advice"} {
				all[member+" on "+ref] = fmt.Sprint(w.roots(t, text, member))
			}
		}
	}
	return all
}

// roots returns a member of a JSON document, or each element of one, without names
// that users have made and namespaces that are users'.
func (w world) roots(t *testing.T, text, member string) []string {
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
			if !w.inodes[n["inode"].(float64)] {
				continue
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

// before is what root sees without the user.
func (w world) before(t *testing.T) map[string]string {
	t.Helper()
	all := w.seen(t, w.refs)
	for ref, want := range map[string]string{"blue": "0", "web": "0", "red": "0", "old": "1", "stopped": "1"} {
		if got := all[fmt.Sprintf("[who-uses %s -o json]", ref)]; !strings.HasPrefix(got, want+" ") {
			t.Fatalf("who-uses %s: %q, want exit status %s", ref, got, want)
		}
	}
	return all
}

// compare fails if root sees something else than before.
func (w world) compare(t *testing.T, l lies, round int, all map[string]string) {
	t.Helper()
	var refs []string
	for _, i := range l.Perm(len(w.refs))[:4] {
		refs = append(refs, w.refs[i])
	}
	got := w.seen(t, refs)
	want := map[string]string{}
	for what := range got {
		want[what] = all[what]
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("round %d: root sees something else:\n%s", round, diff)
	}
}

// TestUserWhoLies has root's namespaces, every reference to them, every fix for them and
// every exit status be the same, whatever a user makes up.
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
	w := recordedWorld(dir)
	all := w.before(t)
	for round := range rounds {
		l := lies{rand.New(rand.NewPCG(uint64(round), 1)), dir, recordedPlaces}
		l.spread(t)
		w.compare(t, l, round, all)
		l.unsay(t)
	}
}
