// SPDX-License-Identifier: Apache-2.0

package runtimes

import (
	"fmt"
	"testing"
)

// startContainerd starts a containerd with the roots that dockerd gives the one
// it starts itself. dockerd would take the machine's own containerd where that
// runs, and share its shims and sockets with whoever uses it.
func startContainerd(t testing.TB, h *home) (address string) {
	t.Helper()
	address = h.path("exec", "containerd", "containerd.sock")
	h.mkdir(t, "exec", "containerd")
	config := h.write(t, "containerd.toml", fmt.Sprintf(`version = 2
root = %q
state = %q
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = %q
[plugins."io.containerd.internal.v1.opt"]
  path = %q
`, h.path("data", "containerd", "daemon"), h.path("exec", "containerd", "daemon"), address, h.path("opt")))
	d := startDaemon(t, h, "containerd", "--config", config, "--log-level", "warn")
	d.waitFor(t, func() bool { return accepts(address) })
	return address
}
