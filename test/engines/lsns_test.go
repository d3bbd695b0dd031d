// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package engines

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/nstest"
	"github.com/nsinspect/nsinspect/internal/testlock"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// lsns returns what lsns has of each namespace of the machine: its owner and its parent.
// With --tree it includes those that no process is in but that own such a one, or are
// its parent. It fails when a process ends while it looks.
func lsns(t *testing.T) map[string]string {
	t.Helper()
	const tries = 100
	for try := 1; ; try++ {
		cmd := exec.Command("lsns", "--noheadings", "--tree=owner", "-o", "NS,TYPE,ONS,PNS")
		cmd.Env = append(os.Environ(), "LC_ALL=C")
		out, err := cmd.Output()
		if err != nil && try == tries {
			t.Fatalf("lsns failed %d times: %v", tries, err)
		}
		if err != nil {
			continue
		}
		seen := map[string]string{}
		for line := range strings.Lines(string(out)) {
			fields := strings.Fields(strings.TrimLeft(line, "|-` "))
			if len(fields) != 4 {
				t.Fatalf("odd line of lsns: %q", line)
			}
			seen[fields[1]+":["+fields[0]+"]"] = "owner " + fields[2] + " parent " + fields[3]
		}
		return seen
	}
}

// populated reports whether a process is in a namespace or in one that it keeps alive.
func populated(n *ns.Namespace) bool {
	if n.Processes() > 0 {
		return true
	}
	for _, h := range n.Holders {
		if h.Kind == ns.KindChild && populated(h.Child) {
			return true
		}
	}
	return false
}

// TestAgainstLsns checks that both engines and lsns have the same namespaces of all eight
// types, owners and parents, as far as processes lead to them.
func TestAgainstLsns(t *testing.T) {
	need.Program(t, "lsns")
	testlock.Exclusive(t)
	engines := both(t)
	startFamily(t, unix.CLONE_NEWUSER|unix.CLONE_NEWNET, unix.CLONE_NEWUSER)
	startFamily(t, unix.CLONE_NEWPID, unix.CLONE_NEWPID)
	startFamily(t, unix.CLONE_NEWUSER|unix.CLONE_NEWNET|unix.CLONE_NEWNS|unix.CLONE_NEWPID|unix.CLONE_NEWIPC|unix.CLONE_NEWUTS|unix.CLONE_NEWCGROUP)
	for _, opts := range engines {
		opts.Types = ns.Types()
		nstest.Eventually(t, func() string {
			want, got := lsns(t), map[string]string{}
			snap := look(t, opts)
			for i := range snap.Namespaces {
				if n := &snap.Namespaces[i]; populated(n) {
					got[n.String()] = fmt.Sprintf("owner %d parent %d", n.UserNS, n.Parent)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				return fmt.Sprintf("%s (-lsns +scan):\n%s", snap.Engine, diff)
			}
			return ""
		})
	}
}
