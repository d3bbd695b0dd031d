// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package engines

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/nstest"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/scan"
)

// holder is what a truth and a snapshot have in common of a holder.
type holder struct {
	Kind                      string
	PID, TID, FD              int
	Path                      string
	MountNS                   uint64
	MountID                   int
	Family, Type, Device, Via string
}

func truthOf(t *nstest.Truth) []holder {
	var all []holder
	for _, h := range t.Holders {
		k := holder{h.Kind, h.PID, h.TID, 0, h.Path, h.MountNS, h.MountID, h.Family, h.Type, h.Device, h.Via}
		if h.FD != nil {
			k.FD = *h.FD
		}
		if improve := better[t.Scene]; improve != nil {
			improve(&k)
		}
		all = append(all, k)
	}
	return all
}

func holdersOf(n *ns.Namespace) []holder {
	if n == nil {
		return nil
	}
	var all []holder
	for _, h := range n.Holders {
		s := h.Socket.Words()
		k := holder{h.Kind.String(), int(h.PID), int(h.TID), 0, h.Path, h.MountNS, int(h.MountID), s.Family, s.Type, s.Device, h.Via.String()}
		if h.Kind.HasFD() {
			k.FD = int(h.FD)
		}
		if h.Kind == ns.KindMount && h.MountNS == ownMountNS() {
			k.PID = 0 // any process that sees it
		}
		all = append(all, k)
	}
	return all
}

func ownMountNS() uint64 {
	var st unix.Stat_t
	if err := unix.Stat("/proc/self/ns/mnt", &st); err != nil {
		panic(err) // there is no machine to test on
	}
	return st.Ino
}

// checkHolders checks that a snapshot has exactly these holders for a truth's
// namespace: none means that it is not there at all.
func checkHolders(t *testing.T, what string, opts scan.Options, truth *nstest.Truth, want []holder) {
	t.Helper()
	nstest.Eventually(t, func() string {
		diff := cmp.Diff(want, holdersOf(findIn(look(t, opts), truth)))
		if diff != "" {
			diff = fmt.Sprintf("%s: holders of %s:[%d] (-want +got):\n%s", what, truth.Type, truth.Inode, diff)
		}
		return diff
	})
}

// findIn finds the namespace of a truth. Its inode may be another's by now: the
// cookie, where it is known, is not.
func findIn(snap *ns.Snapshot, truth *nstest.Truth) *ns.Namespace {
	n := snap.Find(truth.Inode)
	if n != nil && n.Cookie != 0 && truth.Cookie != 0 && n.Cookie != truth.Cookie {
		return nil
	}
	return n
}
