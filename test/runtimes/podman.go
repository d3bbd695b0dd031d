// SPDX-License-Identifier: Apache-2.0

package runtimes

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/need"
)

// podman is a rootful Podman that shares nothing with one the machine may have
// but the directory of its names, /run/netns, and netavark's list of addresses.
type podman struct {
	home *home
}

// needPodman declares what startPodman needs.
func needPodman(t testing.TB) {
	t.Helper()
	need.Root(t)
	need.Program(t, "podman", "conmon", "ip", "iptables") // netavark asks iptables for its version, no more
}

// startPodman makes a Podman that has the image; it has no daemon to start. Its
// containers end with the test.
func startPodman(t testing.TB) *podman {
	t.Helper()
	needPodman(t)
	tar := imageTar(t)
	h := newHome(t)
	shareRunNetns(t)
	p := &podman{home: h}
	h.write(t, "containers.conf", podmanConf)
	h.write(t, "storage.conf", fmt.Sprintf("[storage]\ndriver = \"vfs\"\ngraphroot = %q\nrunroot = %q\n",
		h.path("root"), h.path("run")))
	for _, dir := range []string{"root", "run", "tmp", "net"} {
		h.mkdir(t, dir)
	}
	t.Cleanup(func() { p.removeAll(t) })
	p.prepare(t, tar)
	return p
}

// podmanConf has locks in files, since by default they are in a /dev/shm that all
// share, and limits that Podman raises by default, for which root may lack
// CAP_SYS_RESOURCE.
const podmanConf = `[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[network]
network_backend = "netavark"
default_subnet_pools = [{"base" = "198.19.0.0/16", "size" = 24}]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
lock_type = "file"
`

// shareRunNetns makes /run/netns a shared mount point before Podman would. Like
// ip-netns(8), Podman binds it onto itself with all that is in it, and a name
// that is there by then stays pinned below after its owner has unmounted it: so
// wait for a moment without names, which other tests make and remove.
func shareRunNetns(t testing.TB) {
	t.Helper()
	if err := os.MkdirAll(runNetns, 0o755); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if isMountPoint(runNetns) {
			return
		}
		if names, err := os.ReadDir(runNetns); err != nil || len(names) > 0 {
			continue
		}
		if err := unix.Mount(runNetns, runNetns, "", unix.MS_BIND, ""); err != nil {
			t.Fatalf("bind %s: %v", runNetns, err)
		}
		if err := unix.Mount("", runNetns, "", unix.MS_SHARED, ""); err != nil {
			t.Fatalf("share %s: %v", runNetns, err)
		}
		return
	}
}

// prepare imports the image and makes the bridge network: an internal one, since
// netavark sets up iptables for any other.
func (p *podman) prepare(t testing.TB, tar []byte) {
	t.Helper()
	p.commandIn(t, tar, "import", "-", image)
	p.command(t, "network", "create", "--internal", "--disable-dns", p.network())
	p.nameBridge(t)
}

// nameBridge gives the network's bridge the name that sweep looks for; before
// Podman 4.4 no option of network create does.
func (p *podman) nameBridge(t testing.TB) {
	t.Helper()
	name := filepath.Join("net", p.network()+".json")
	data, err := os.ReadFile(p.home.path(name))
	if err != nil {
		t.Fatal(err)
	}
	var config map[string]any
	if err := json.Unmarshal(data, &config); err != nil {
		t.Fatalf("parse %s: %v", name, err)
	}
	config["network_interface"] = p.home.bridge()
	if data, err = json.Marshal(config); err != nil {
		t.Fatal(err)
	}
	p.home.write(t, name, string(data))
}

// network is the name of the network, unique since netavark's list of addresses
// is the machine's.
func (p *podman) network() string { return p.home.bridge() }

// removeAll removes pods and containers, each with those that use its namespace.
func (p *podman) removeAll(t testing.TB) {
	t.Helper()
	p.command(t, "pod", "rm", "--all", "--force", "--time", "0")
	for _, id := range lines(p.command(t, "ps", "--all", "--quiet")) {
		p.command(t, "rm", "--force", "--depend", "--ignore", "--time", "0", id)
	}
	p.command(t, "network", "rm", "--force", p.network())
}

func (p *podman) command(t testing.TB, args ...string) string {
	t.Helper()
	return p.commandIn(t, nil, args...)
}

func (p *podman) commandIn(t testing.TB, stdin []byte, args ...string) string {
	t.Helper()
	command := p.args(args...)
	return p.home.run(t, p.env(), stdin, command[0], command[1:]...)
}

func (p *podman) env() []string {
	h := p.home
	return []string{"CONTAINERS_CONF=" + h.path("containers.conf"), "CONTAINERS_STORAGE_CONF=" + h.path("storage.conf")}
}

// args is the command line of a podman command.
func (p *podman) args(args ...string) []string {
	h := p.home
	return append([]string{
		"podman", "--root", h.path("root"), "--runroot", h.path("run"), "--tmpdir", h.path("tmp"),
		"--storage-driver", "vfs", "--network-config-dir", h.path("net"),
	}, args...)
}

// run starts a container that sleeps, on the bridge network unless the arguments
// select another.
func (p *podman) run(t testing.TB, name string, args ...string) container {
	t.Helper()
	if len(args) == 0 {
		args = []string{"--network", p.network()}
	}
	args = append([]string{"run", "--detach", "--name", name}, args...)
	p.home.remember(t, p.command(t, append(args, image, "sleep", "600")...))
	return p.inspect(t, name)
}

// pod makes a pod on the bridge network and starts its first container, which
// holds the namespaces. No pause image can be pulled: it is busybox too.
func (p *podman) pod(t testing.TB, name string) container {
	t.Helper()
	p.home.remember(t, p.command(t, "pod", "create", "--name", name, "--network", p.network(),
		"--infra-name", name+"-infra", "--infra-image", image, "--infra-command", "sleep 600"))
	p.command(t, "pod", "start", name)
	return p.inspect(t, name+"-infra")
}

func (p *podman) inspect(t testing.TB, name string) container {
	t.Helper()
	return parseInspect(t, p.command(t, "inspect", "--type", "container", name))
}

// inspectAfter runs a container to its end.
func (p *podman) inspectAfter(t testing.TB, name string) container {
	t.Helper()
	p.command(t, "run", "--name", name, "--network", "none", image, "sleep", "0")
	return p.inspect(t, name)
}

func (p *podman) exec(t testing.TB, args ...string) string {
	t.Helper()
	return p.command(t, append([]string{"exec"}, args...)...)
}

// remove kills and removes a container.
func (p *podman) remove(t testing.TB, name string) {
	t.Helper()
	p.command(t, "rm", "--force", "--time", "0", name)
}

func lines(s string) []string {
	return strings.Fields(s)
}
