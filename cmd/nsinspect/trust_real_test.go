// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/hosttest"
	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/nstest"
	"github.com/nsinspect/nsinspect/internal/testlock"
)

// realWorld makes on this machine, in a mount namespace of its own, what the machine
// "trust" has but for Kubernetes and systemd.
func realWorld(t *testing.T) world {
	t.Helper()
	for _, dir := range []string{"/run", "/var/lib", "/home"} {
		if err := unix.Mount("trust", dir, "tmpfs", 0, "mode=755"); err != nil {
			t.Fatal(err)
		}
	}
	lab := start(t, nil, "unshare", "-n", "sleep", "300")
	var a archive
	for _, name := range []string{"blue", "old", "cni-1"} {
		a.file("run/netns/"+name, "")
	}
	a.file("run/netns/gone -> /proc/4194303/ns/net", "")
	a.file(fmt.Sprintf("run/netns/red -> /proc/%d/ns/net", lab), "")
	a.file("run/docker/netns/0123456789ab", "")
	container := "var/lib/docker/containers/%s/config.v2.json"
	a.file(fmt.Sprintf(container, web), fmt.Sprintf(`{"ID":%q,"Name":"/web","State":{"Running":true,"Pid":0},"NetworkSettings":{"SandboxKey":"/run/docker/netns/0123456789ab"}}`, web))
	stopped := strings.Repeat("b", 62) + "02"
	a.file(fmt.Sprintf(container, stopped), fmt.Sprintf(`{"ID":%q,"Name":"/stopped","State":{"Running":false,"Pid":0},"NetworkSettings":{"SandboxKey":""}}`, stopped))
	if err := hosttest.Unpack("/", []byte(a.String())); err != nil {
		t.Fatal(err)
	}
	w := world{refs: rootsRefs, inodes: map[float64]bool{}}
	for _, name := range []string{"/run/netns/blue", "/run/netns/cni-1", "/run/docker/netns/0123456789ab"} {
		if out, err := exec.Command("unshare", "--net="+name, "true").CombinedOutput(); err != nil {
			t.Fatalf("unshare: %v, %s", err, out)
		}
		w.inodes[inodeOf(t, name)] = true
	}
	w.inodes[inodeOf(t, "/run/netns/red")] = true
	for _, comm := range []string{"conmon", "dockerd", "containerd", "crio", "containerd-shim"} {
		if out, err := exec.Command("install", "-D", perl(t), "/run/bin/"+comm).CombinedOutput(); err != nil {
			t.Fatalf("install: %v, %s", err, out)
		}
	}
	return w
}

func perl(t *testing.T) string {
	t.Helper()
	name, err := exec.LookPath("perl")
	if err != nil {
		need.Missing(t, "needs perl")
	}
	return name
}

func inodeOf(t *testing.T, name string) float64 {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(name, &st); err != nil {
		t.Fatal(err)
	}
	return float64(st.Ino)
}

// start starts a program, which ends with the test, and returns its PID once it is in
// another network namespace if "unshare" starts it.
func start(t *testing.T, as *syscall.Credential, args ...string) int {
	t.Helper()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
	})
	own := inodeOf(t, "/proc/self/ns/net")
	if args[0] == "unshare" && !nstest.Eventually(t, func() string {
		var st unix.Stat_t
		err := unix.Stat(fmt.Sprintf("/proc/%d/ns/net", cmd.Process.Pid), &st)
		if err != nil || float64(st.Ino) == own {
			return fmt.Sprintf("%v is not in a namespace of its own: %v", args, err)
		}
		return ""
	}) {
		t.FailNow()
	}
	return cmd.Process.Pid
}

// visited returns a namespace that something refers to for a moment, "" if there is none.
func visited(t *testing.T, all map[string]string) string {
	t.Helper()
	for what, text := range all {
		if !strings.HasPrefix(what, "listed ") {
			continue
		}
		var n struct {
			References *struct{ Total, Explained int }
		}
		if err := json.Unmarshal([]byte(text), &n); err != nil {
			t.Fatal(err)
		}
		if n.References != nil && n.References.Total != n.References.Explained {
			return text
		}
	}
	return ""
}

// TestUserWhoLiesHere is TestUserWhoLies on this machine, with processes of a user's.
func TestUserWhoLiesHere(t *testing.T) {
	flags := []string{"-test.timeout=10m"}
	rounds := 10
	if *full {
		rounds, flags = 200, []string{"-full", "-test.timeout=60m"}
	}
	if !nstest.InPrivateMounts() {
		testlock.Exclusive(t) // no containers of other tests
	}
	if !nstest.PrivateMounts(t, flags...) {
		return
	}
	lookAtOnce(t)
	w := realWorld(t)
	all := w.before(t)
	for round := range rounds {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			l := lies{rand.New(rand.NewPCG(uint64(round), 2)), "/", nil}
			user := &syscall.Credential{Uid: liar, Gid: liar}
			his := start(t, user, "unshare", "-Urn", "sleep", "300")
			l.places = []string{fmt.Sprintf("/proc/%d/ns/net", his)}
			var a archive
			id := l.files(t, &a)
			l.unpack(t, &a)
			for range 1 + l.IntN(3) {
				args := append([]string{"/run/bin/" + pick(l, "conmon", "dockerd", "containerd", "crio", "containerd-shim"), "-e", "sleep 300", "x"}, strings.Fields(l.args(id))...)
				if l.IntN(2) == 0 {
					args = append([]string{"unshare", "-Urn"}, args...)
				}
				start(t, user, args...)
			}
			w.compare(t, l, round, all)
			for _, dir := range []string{"/run/user", "/home/u"} {
				if err := os.RemoveAll(filepath.Clean(dir)); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}
