// SPDX-License-Identifier: Apache-2.0

package runtimes

import (
	"os"
	"testing"

	"github.com/nsinspect/nsinspect/internal/need"
)

// rootless is the Podman of an ordinary user, nobody, who has a home for it.
type rootless struct {
	home *home
}

func startRootless(t testing.TB) *rootless {
	t.Helper()
	needPodman(t)
	need.Program(t, "setpriv", "newuidmap")
	tar := imageTar(t)
	r := &rootless{newHome(t)}
	h := r.home
	if err := os.Chmod(h.dir, 0o711); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{h.mkdir(t, "user"), h.mkdir(t, "run")} {
		if err := os.Chown(dir, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	conf := h.write(t, "containers.conf", podmanConf)
	if err := os.Chmod(conf, 0o644); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.command(t, nil, "rm", "--all", "--force", "--time", "0") })
	r.command(t, tar, "import", "-", image)
	return r
}

const nobody = 65534

func (r *rootless) command(t testing.TB, stdin []byte, args ...string) string {
	t.Helper()
	program, args := r.line(args...)
	return r.home.run(t, r.env(), stdin, program, args...)
}

// line returns the program and the arguments that run podman as the user.
func (r *rootless) line(args ...string) (program string, line []string) {
	return "setpriv", append([]string{
		"--reuid=65534", "--regid=65534", "--clear-groups", "podman", "--storage-driver", "vfs",
	}, args...)
}

func (r *rootless) env() []string {
	h := r.home
	return []string{"HOME=" + h.path("user"), "XDG_RUNTIME_DIR=" + h.path("run"), "CONTAINERS_CONF=" + h.path("containers.conf")}
}

func (r *rootless) run(t testing.TB, name string) container {
	t.Helper()
	r.home.remember(t, r.command(t, nil, "run", "--detach", "--name", name, "--network", "none", image, "sleep", "600"))
	return parseInspect(t, r.command(t, nil, "inspect", "--type", "container", name))
}
