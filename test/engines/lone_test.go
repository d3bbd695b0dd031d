// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package engines

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nsinspect/nsinspect/internal/nstest"
	"github.com/nsinspect/nsinspect/pkg/scan"
)

// TestLoneMountVerdict demands that who has the detached mount is told, and what
// to do about it.
func TestLoneMountVerdict(t *testing.T) {
	CheckKernel(t)
	opts := optionsOf(t)[bpf]
	host, err := scan.OpenHost("/")
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close()
	for kind, want := range map[nstest.Kind]string{
		nstest.MountTree: "close fd %d of %s (pid %d), a detached mount that mount %d is below.",
		nstest.MountGone: "end the use of what mount %[4]d was unmounted with",
	} {
		scene := nstest.Make(t, kind)
		pin := scene.Holders[0].Pin
		snap := look(t, opts)
		n := findIn(snap, &scene.Truth)
		if n == nil {
			t.Fatalf("%s: not found", kind)
		}
		if err := scan.Describe(t.Context(), host, n); err != nil {
			t.Fatal(err)
		}
		verdict := n.Verdict(snap)
		if want := fmt.Sprintf(want, *pin.FD, pin.Comm, pin.PID, scene.Holders[0].MountID); !strings.Contains(verdict, want) {
			t.Errorf("%s: %q, want %q", kind, verdict, want)
		}
		if strings.Contains(verdict, "detached mounts") {
			t.Errorf("%s: %q, but they were looked at", kind, verdict)
		}
		scene.Free()
	}
}
