// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package engines

import (
	"testing"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/nstest"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/scan"
)

// TestBorn compares when the process of a holder started with field 22 of its stat file:
// as found, and as described. A process in the namespace has it from the proc engine
// once it is described.
func TestBorn(t *testing.T) {
	nstest.CheckLeaks(t)
	h, err := host.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	options := optionsOf(t)
	for _, kind := range []nstest.Kind{
		nstest.Process, nstest.Thread, nstest.ZombieLeader, nstest.FD, nstest.FDPath, nstest.FDThread, nstest.FDDetached,
		nstest.Socket, nstest.SocketUnixDgram, nstest.SocketUnaccepted, nstest.Tun, nstest.Mmap, nstest.Inflight, nstest.InflightNested,
		nstest.MountPrivate, nstest.MountTree, nstest.IOURing, nstest.IOURingRegistered, nstest.IOURingMapped, nstest.SocketPeer, nstest.IOURingPoll, nstest.AIOPoll, nstest.InflightSender,
	} {
		t.Run(string(kind), func(t *testing.T) {
			scene := nstest.Make(t, kind)
			for engine, opts := range options {
				n := findIn(look(t, opts), &scene.Truth)
				if n == nil {
					continue // see TestMatrix
				}
				checkBorn(t, h, engineNames[engine], n, engine == proc)
				if err := scan.Describe(t.Context(), h, n); err != nil {
					t.Fatal(err)
				}
				checkBorn(t, h, engineNames[engine]+", described", n, false)
			}
		})
	}
}

func checkBorn(t *testing.T, h *host.Host, what string, n *ns.Namespace, late bool) {
	t.Helper()
	for i := range n.Holders {
		for x := &n.Holders[i]; x != nil; x = x.Pin {
			if x.PID == 0 || late && x.Kind == ns.KindProcess {
				continue
			}
			st, err := h.ReadStat(x.PID.String())
			if err != nil {
				t.Fatal(err)
			}
			if !st.IsOf(x.Born) {
				t.Errorf("%s: %s of process %d was born %v after boot, by its stat file %v", what, x.Kind, x.PID, x.Born, st.Born())
			}
			if x.Process != nil && (!st.IsOf(x.Process.Born) || x.Process.Started.IsZero()) {
				t.Errorf("%s: %s of process %d, which was born %v after boot, is %+v", what, x.Kind, x.PID, st.Born(), x.Process)
			}
		}
	}
}
