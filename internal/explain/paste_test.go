// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
)

// hostileNames are words that a shell or a program would make something else of.
var hostileNames = []string{
	"plain", "it's", `a"b`, "$(touch pwned)", "`touch pwned`", "a; touch pwned", "a && touch pwned", "-rf", "--all", "-", "--",
	"~root", "*", "?", "[a-z]", "{a,b}", "two  words", " lead", "trail ", "!!", `back\slash`, `end\`, "#comment", "=ls", "a&", "|b", "<x", ">x",
	"%1", "$HOME", "${IFS}", "'", "''", `'"'"'`, "a=b", "(b)",
}

// unwritableNames cannot be pasted.
var unwritableNames = []string{"a\nb", "a\rb", "a\tb", "\x01'; touch pwned; #", "größe", "\xff", "\u202e", "\x1b[31m", "\x7f", "\u3164"}

// shells are those that a command is pasted into.
var shells = [][]string{{"dash"}, {"bash"}, {"busybox", "sh"}}

// machine is this one, on which every path leads to the namespaces that a test wants.
type machine struct {
	*host.Host
	at    map[string]uint64 // the inode at a path
	links map[string]uint64
	root  string
	other bool // PIDs are another PID namespace's
}

func (m *machine) LookupNamespace(name string) (ns.Type, uint64, error) {
	inode, ok := m.at[name]
	if !ok {
		return 0, 0, os.ErrNotExist
	}
	if inode < 100 {
		return ns.Mnt, inode, nil
	}
	return ns.Net, inode, nil
}

func (m *machine) NamespaceLink(name string) (uint64, error)          { return m.links[name], nil }
func (m *machine) ReadProcLink(_ ns.TaskID, _ string) (string, error) { return m.root, nil }
func (m *machine) Authority(name string) (ns.Authority, error)        { return authorityOf(name), nil }
func (m *machine) AuthorityInside(_ ns.TaskID, name string) (ns.Authority, error) {
	return authorityOf(name), nil
}
func (m *machine) OwnTaskIDs() bool { return !m.other }

func authorityOf(name string) ns.Authority {
	if strings.HasPrefix(name, "/home/") {
		return ns.UserAuthority(1000)
	}
	return ns.RootAuthority
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	h, err := host.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return &machine{Host: h, at: map[string]uint64{}, links: map[string]uint64{}, root: "/"}
}

// stubs is a directory of programs that record how they are called.
type stubs struct{ dir, log string }

func newStubs(t *testing.T) stubs {
	t.Helper()
	s := stubs{dir: t.TempDir()}
	s.log = filepath.Join(s.dir, "log")
	const script = "#!/bin/sh\nfor a in \"${0##*/}\" \"$@\"; do printf '%s\\000' \"$a\"; done >>\"$STUB_LOG\"\nprintf '\\001' >>\"$STUB_LOG\"\n"
	for _, name := range stubbed {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"cut", "tr"} {
		path, err := exec.LookPath(name)
		if err != nil {
			need.Missing(t, "needs "+name)
		}
		if err := os.Symlink(path, filepath.Join(s.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// stubbed are the programs that the commands run.
var stubbed = []string{"umount", "mount", "rm", "mv", "touch", "ip", "docker", "podman", "crictl", "kubectl", "systemctl",
	"lxc-stop", "lxc", "incus", "machinectl", "nsinspect"}

// functions are the same as functions of the shell: BusyBox's shell has most programs in
// itself and does not look for them in PATH.
func functions() (text string) {
	for _, name := range stubbed {
		if !strings.Contains(name, "-") {
			text += name + `() { for a in ` + name + ` "$@"; do printf '%s\000' "$a"; done >>"$STUB_LOG"; printf '\001' >>"$STUB_LOG"; }` + "\n"
		}
	}
	return text
}

// paste pastes a command into a shell and returns what was called.
func (s stubs) paste(t *testing.T, shell []string, text string) (calls []string) {
	t.Helper()
	need.Program(t, shell[0])
	cwd := t.TempDir()
	cmd := exec.Command(shell[0], shell[1:]...)
	if shell[0] != "dash" {
		text = functions() + text
	}
	cmd.Dir, cmd.Stdin = cwd, strings.NewReader(text+"\n")
	cmd.Env = []string{"PATH=" + s.dir, "STUB_LOG=" + s.log, "HOME=/"}
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%s: %q: %v: %s", shell, text, err, out)
	}
	if left, err := os.ReadDir(cwd); err != nil || len(left) > 0 {
		t.Errorf("%s: %q left %v, %v", shell, text, left, err)
	}
	logged, err := os.ReadFile(s.log)
	if err != nil {
		return nil
	}
	if err := os.Remove(s.log); err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(logged), "\x01"), "\x01")
}

// printed is a command and the argument vectors that it is to run.
type printed struct {
	command string
	want    [][]string
}

// printedFor returns every kind of command that has a name of a stranger's in it.
func printedFor(m *machine, name string) []printed {
	pid := ns.TaskID(os.Getpid())
	run, srv := "/run/netns/"+name, "/nonexistent/"+name
	n := &ns.Namespace{Type: ns.Net, Inode: 4026532100, Cookie: 4101}
	over := &ns.Namespace{Type: ns.Net, Inode: 4026532101}
	task := pid.String()
	m.at = map[string]uint64{run: n.Inode, srv: n.Inode, "/proc/" + task + "/root" + srv: n.Inode}
	m.links[task+"/ns/mnt"] = 7
	a := New(&ns.Snapshot{MountNS: 1, NamesDirs: []string{"/run/netns", "/nonexistent"}}, m, nil)
	a.busybox, a.confined = false, false
	mount := func(path string, mountNS uint64) *ns.Holder {
		return &ns.Holder{Kind: ns.KindMount, PID: pid, Path: path, MountNS: mountNS, Authority: ns.RootAuthority}
	}
	of := func(o owner.Owner) *owner.Owner { o.Authority = ns.RootAuthority; return &o }
	pin := &ns.Pin{Type: ns.Net, Inode: n.Inode, Mount: *mount(srv, 7)}
	lost := &ns.Pin{Type: ns.Net, Inode: n.Inode, Mount: *mount("/elsewhere", 7)}
	use := NameUse{Namespace: n, Name: ns.Name{Name: name, Path: srv, Kind: ns.NameMount, Authority: ns.RootAuthority}}
	link := use
	link.Name.Kind = ns.NameSymlink
	covered := mount(srv, 1)
	unnamed := a.uncover(n, covered, nil).Command
	m.at[srv] = over.Inode
	uncovered := a.uncover(n, covered, over).Command
	m.at[srv] = n.Inode
	elsewhere := a.unmountElsewhere(ns.RootAuthority, mount(srv, 7), n.Type, n.Inode)[0].Command
	all := []printed{
		{a.unmountHere(mount(srv, 1), n.Type, n.Inode, true).Command, [][]string{{"umount", "-l", "--", srv}, {"rm", "--", srv}}},
		{elsewhere, [][]string{{"umount", "-i", "-n", "-N", task, "--", srv}}},
		{remove(run, ns.RootAuthority).Command, [][]string{{"rm", "--", run}}},
		{a.rename(use).Command, [][]string{{"touch", "--", srv + "-2"}, {"mount", "--bind", "--", srv, srv + "-2"}, {"umount", "--", srv}, {"rm", "--", srv}}},
		{a.rename(link).Command, [][]string{{"mv", "-n", "--", srv, srv + "-2"}}},
		{uncovered, [][]string{{"touch", "--", srv + "-2"}, {"mount", "--bind", "--", srv, srv + "-2"}, {"umount", "--", srv}}},
		{unnamed, [][]string{{"touch", "--", srv}, {"nsinspect", "exec", "--net-only", "cookie:4101", "--", "mount", "-c", "--bind", "--", "/proc/self/ns/net", srv}}},
		{a.bring(pin, n, run).Command, [][]string{{"mount", "-c", "--bind", "--", "/proc/" + task + "/root" + srv, run}}},
		{a.bring(lost, n, run).Command, [][]string{{"nsinspect", "exec", "--net-only", "cookie:4101", "--", "mount", "-c", "--bind", "--", "/proc/self/ns/net", run}}},
		{stop(of(owner.Owner{Runtime: "docker", Name: name})), [][]string{{"docker", "stop", "--", name}}},
		{restart(of(owner.Owner{Runtime: "podman", Name: name})), [][]string{{"podman", "restart", "--", name}}},
		{clean(of(owner.Owner{Runtime: "podman", ID: name})), [][]string{{"podman", "stop", "-t", "0", "--", name}, {"podman", "container", "cleanup", "--", name}}},
		{stop(of(owner.Owner{Runtime: "lxc", Name: name})), [][]string{{"lxc-stop", "--name=" + name}}},
		{stop(of(owner.Owner{Runtime: "lxd", Name: name})), [][]string{{"lxc", "stop", "--", name}}},
		{stop(of(owner.Owner{Runtime: "incus", Name: name})), [][]string{{"incus", "stop", "--", name}}},
		{stop(of(owner.Owner{Runtime: "nspawn", Name: name})), [][]string{{"machinectl", "poweroff", "--", name}}},
		{stop(of(owner.Owner{Runtime: "containerd", Pod: "x/y", ID: name})), [][]string{{"crictl", "stopp", "--", name}}},
		{restart(of(owner.Owner{Runtime: "containerd", Pod: name + "/" + name})), [][]string{{"kubectl", "delete", "pod", "--namespace=" + name, "--", name}}},
		{restart(of(owner.Owner{Runtime: "containerd", Pod: "x/y", ID: name, Static: true})), [][]string{{"crictl", "stopp", "--", name}}},
		{restart(of(owner.Owner{Runtime: "containerd", Pod: "x/y", Name: "c", ID: name, Static: true})), [][]string{{"crictl", "stop", "--", name}}},
		{clean(of(owner.Owner{Runtime: "containerd", Pod: "x/y", ID: name})), [][]string{{"crictl", "rmp", "--", name}}},
	}
	del := [][]string{{"ip", "netns", "del", name}}
	if strings.HasPrefix(name, "-") {
		del = [][]string{{"umount", "--", run}, {"rm", "--", run}}
	}
	all = append(all, printed{a.unmountHere(mount(run, 1), n.Type, n.Inode, false).Command, del})
	if !strings.ContainsAny(name, "*?[") {
		all = append(all, printed{stop(of(owner.Owner{Runtime: "systemd", Unit: name + ".service"})), [][]string{{"systemctl", "stop", "--", name + ".service"}}})
	}
	return all
}

// Every command that is printed runs, in every shell, what it is meant to run, whatever
// the names in it are.
func TestPaste(t *testing.T) {
	m, s := newMachine(t), newStubs(t)
	for _, name := range hostileNames {
		var commands, want []string
		for _, p := range printedFor(m, name) {
			if p.command == "" || strings.ContainsFunc(p.command, func(r rune) bool { return r < ' ' || r > '~' }) {
				t.Errorf("name %q: command %q, want one in printable ASCII that runs %q", name, p.command, p.want)
				continue
			}
			commands = append(commands, p.command)
			for _, argv := range p.want {
				want = append(want, strings.Join(argv, "\x00")+"\x00")
			}
		}
		for _, shell := range shells {
			if calls := s.paste(t, shell, strings.Join(commands, "\n")); !slices.Equal(calls, want) {
				t.Errorf("%s: %q\ncalls %q\nwant  %q", shell, commands, calls, want)
			}
		}
	}
}

// A name that cannot be pasted into every shell is in no command.
func TestUnwritable(t *testing.T) {
	m := newMachine(t)
	for _, name := range unwritableNames {
		for i, p := range printedFor(m, name) {
			if p.command != "" {
				t.Errorf("name %q: command %d is %q, want none", name, i, p.command)
			}
		}
	}
}
