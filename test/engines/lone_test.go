// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package engines

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nsinspect/nsinspect/internal/explain"
	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/nstest"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/scan"
)

// TestLoneMountVerdict checks that the holder of the detached mount is reported, and what
// to do about it.
func TestLoneMountVerdict(t *testing.T) {
	CheckKernel(t)
	need.Kernel(t, 5, 17, "bpf_loop")
	opts := optionsOf(t)[bpfEngine]
	host, err := host.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close()
	for kind, want := range map[nstest.Kind]string{
		nstest.MountTree: "close fd %d of %s (pid %d), a detached mount that mount %d is below.",
		nstest.MountGone: "end the use of what mount %[4]d was unmounted with",
	} {
		t.Run(string(kind), func(t *testing.T) { checkVerdict(t, opts, host, kind, want) })
	}
}

func checkVerdict(t *testing.T, opts scan.Options, host *host.Host, kind nstest.Kind, want string) {
	t.Helper()
	scene := nstest.Make(t, kind)
	pin := scene.Holders[0].Pin
	var snap *ns.Snapshot
	var n *ns.Namespace
	if !nstest.Eventually(t, func() string {
		snap = look(t, opts)
		n = findIn(snap, &scene.Truth)
		return cmp.Diff(truthOf(&scene.Truth), holdersOf(n))
	}) {
		t.FailNow()
	}
	if err := scan.Describe(t.Context(), host, n); err != nil {
		t.Fatal(err)
	}
	verdict := explain.Verdict(n, snap)
	if want := fmt.Sprintf(want, *pin.FD, pin.Comm, pin.PID, scene.Holders[0].MountID); !strings.Contains(verdict, want) {
		t.Errorf("%q, want %q", verdict, want)
	}
	if strings.Contains(verdict, "detached mounts") {
		t.Errorf("%q, but they were looked at", verdict)
	}
}
