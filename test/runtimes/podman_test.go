// SPDX-License-Identifier: Apache-2.0

package runtimes

import (
	"path/filepath"
	"testing"
)

// TestPodman walks a rootful Podman through the life of its namespaces, whose
// names are in the default directory; the steps build on each other.
func TestPodman(t *testing.T) {
	p := startPodman(t)
	n := newInspect(t)
	web := p.run(t, "web")
	peer := p.run(t, "peer", "--network", "container:web")
	alone := p.run(t, "alone", "--network", "none")

	t.Run("oracles", func(t *testing.T) {
		checkOracles(t, web, peer)
		if filepath.Dir(web.sandboxKey) != runNetns || alone.sandboxKey != "" {
			t.Errorf("sandbox keys %q and %q, want one in %s and none", web.sandboxKey, alone.sandboxKey, runNetns)
		}
	})
	t.Run("shared", func(t *testing.T) {
		checkList(t, n, web.sandboxKey, web, peer)
		refs := append(refsOf(t, web), refsOfProcess(t, peer)...)
		checkUses(t, n, refs, web.sandboxKey, web, peer)
	})
	t.Run("no network", func(t *testing.T) { // and no name
		checkList(t, n, "", alone)
		checkUses(t, n, refsOfProcess(t, alone), "", alone)
	})
	t.Run("owner", func(t *testing.T) {
		checkOwner(t, n, "podman", web, web, peer)
		checkOwner(t, n, "podman", alone, alone)
		checkContainers(t, "podman", web, peer, alone)
		done := p.inspectAfter(t, "done")
		checkNoNamespace(t, n, "done", "podman:done has no namespace: it is stopped")
		checkContainers(t, "podman", done)
	})
	t.Run("network", func(t *testing.T) {
		checkNetwork(t, n, web, func(command ...string) string { return p.exec(t, append([]string{"web"}, command...)...) })
	})
	t.Run("exec", func(t *testing.T) {
		p.exec(t, "--detach", "alone", "sleep", "599")
		waitProcesses(t, alone, 2)
		checkList(t, n, "", alone)
	})
	t.Run("pod", func(t *testing.T) {
		infra := p.pod(t, "pod")
		a, b := p.run(t, "a", "--pod", "pod"), p.run(t, "b", "--pod", "pod")
		checkOracles(t, infra, a, b)
		checkList(t, n, infra.sandboxKey, infra, a, b)
		checkUses(t, n, append(refsOf(t, infra), refsOfProcess(t, b)...), infra.sandboxKey, infra, a, b)
		checkOwner(t, n, "podman", infra, infra, a, b)
		p.command(t, "pod", "rm", "--force", "--time", "0", "pod")
		checkGone(t, n, infra.sandboxKey, infra, a, b)
	})
	t.Run("paused", func(t *testing.T) {
		idle := p.run(t, "idle", "--network", "none")
		p.command(t, "pause", "idle")
		checkOwner(t, n, "podman", idle, idle)
		stub(t, p.home, p.args(), p.env()...)
		fix := n.whoUses(t, refsOfProcess(t, idle)[0]).Fix
		if len(fix) != 1 || fix[0] != "podman unpause -- idle && podman stop -- idle" {
			t.Errorf("advice %q", fix)
		}
		paste(t, p.home, fix)
		checkNoNamespace(t, n, "idle", "podman:idle has no namespace: it is stopped")
	})
	t.Run("removed", func(t *testing.T) {
		p.remove(t, "peer")
		checkList(t, n, web.sandboxKey, web)
		p.remove(t, "web")
		checkGone(t, n, web.sandboxKey, web, peer)
		checkNoNetwork(t, n, web)
	})
}

// TestPodmanRootless checks the owner of a user's container. Where users have no
// cgroups, as with cgroup v1, only its monitor and the user's files have it.
func TestPodmanRootless(t *testing.T) {
	r := startRootless(t)
	n := newInspect(t)
	mine := r.run(t, "mine")
	mine.user = nobody
	checkOwner(t, n, "podman", mine, mine)
	checkContainers(t, "podman", mine)
}
