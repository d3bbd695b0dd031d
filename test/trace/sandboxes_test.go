// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package actors

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/strace"
	"github.com/nsinspect/nsinspect/internal/testlock"
)

// asNobody is what runs a command as an ordinary user.
var asNobody = []string{"setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"}

// TestSandboxes has programs that make namespaces for one command do that.
func TestSandboxes(t *testing.T) {
	need.Root(t)
	testlock.Shared(t)
	bwrap := []string{"bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--unshare-all", "--die-with-parent", "true"}
	for _, test := range []struct {
		name    string
		command []string
		want    []string
	}{
		{"bubblewrap", bwrap, []string{"clone(CLONE_NEWCGROUP|*CLONE_NEWNET*) = *"}},
		{"bubblewrap of a user", slices.Concat(asNobody, bwrap), []string{"clone(*CLONE_NEWNET*CLONE_NEWUSER*) = *"}},
		{"firejail", []string{"firejail", "--quiet", "--noprofile", "--net=none", "true"}, []string{"clone(*CLONE_NEWNET*) = *"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			need.Program(t, test.command[0])
			calls, events := strace.Record(t, func(straced []string) { command(t, append(straced, test.command...)...) })
			strace.Compare(t, calls, events, test.want...)
		})
	}
}

// TestOCIRuntimes has the programs below every container runtime run a container.
func TestOCIRuntimes(t *testing.T) {
	need.Root(t)
	testlock.Shared(t)
	// crun refuses cgroups of both versions: where that is what there is, only the first is left.
	first := []string{"unshare", "--mount", "sh", "-c", "umount /sys/fs/cgroup/unified 2>/dev/null; exec \"$@\"", "sh"}
	for _, test := range []struct {
		runtime string
		before  []string
		option  string
		want    string
	}{
		{"runc", nil, "--debug=false", "unshare(*CLONE_NEWNET*) = 0"},
		{"crun", first, "--cgroup-manager=disabled", "*CLONE_NEWNET*) = *"},
	} {
		t.Run(test.runtime, func(t *testing.T) {
			need.Program(t, test.runtime, "busybox")
			dir := bundle(t, test.runtime)
			id := fmt.Sprintf("nsinspect-test-%d", os.Getpid())
			t.Cleanup(func() {
				_ = exec.Command(test.runtime, "--root", filepath.Join(dir, "state"), "delete", "--force", id).Run()
			})
			calls, events := strace.Record(t, func(straced []string) {
				line := slices.Concat(straced, test.before, []string{test.runtime, test.option, "--root", filepath.Join(dir, "state"), "run", "--bundle", dir, id})
				command(t, line...)
			})
			strace.Compare(t, calls, events, test.want)
		})
	}
}

// TestNspawn has systemd-nspawn run a command in a container.
func TestNspawn(t *testing.T) {
	need.Root(t)
	need.Program(t, "systemd-nspawn", "busybox", "unshare")
	testlock.Shared(t)
	root := filepath.Join(bundle(t, "runc"), "rootfs")
	for _, dir := range []string{"usr", "etc"} { // as every installation has
		if err := os.Mkdir(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	calls, events := strace.Record(t, func(straced []string) {
		line := []string{"unshare", "--mount", "systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--private-network", "--as-pid2", "-D", root, "/bin/busybox", "true"}
		command(t, append(straced, line...)...)
	})
	strace.Compare(t, calls, events, "clone(*CLONE_NEWPID*) = *", "unshare(CLONE_NEWNET) = 0", "setns(*, CLONE_NEWNET) = 0")
}

// bundle makes a directory with the configuration that a runtime proposes, for a command
// that ends at once and needs no terminal.
func bundle(t *testing.T, runtime string) string {
	t.Helper()
	dir := t.TempDir()
	bin := filepath.Join(dir, "rootfs", "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		t.Fatal(err)
	}
	command(t, "cp", busybox, filepath.Join(bin, "busybox"))
	command(t, runtime, "spec", "--bundle", dir)
	path := filepath.Join(dir, "config.json")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var config map[string]any
	if err := json.Unmarshal(text, &config); err != nil {
		t.Fatal(err)
	}
	process := config["process"].(map[string]any)
	process["terminal"], process["args"] = false, []string{"/bin/busybox", "true"}
	delete(process, "rlimits") // raising one may be forbidden
	if text, err = json.Marshal(config); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}
