// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package trace

import (
	"testing"
	"time"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// Whether a thread found at the end is the one of an event is decided by the time since
// boot: setting the clock neither hides that a number was given again nor makes up moves.
func TestTrackerWhileTheClockIsSet(t *testing.T) {
	const moved = time.Hour // when the threads did, since boot
	for name, test := range map[string]struct {
		clock time.Time
		born  time.Duration // of the thread that is found elsewhere
		want  int
	}{
		"ahead, another thread":   {time.Now().Add(24 * time.Hour), moved + time.Second, 0},
		"back, the same thread":   {time.Now().Add(-24 * time.Hour), moved - time.Second, 1},
		"not set, another thread": {time.Now(), moved + time.Millisecond, 0},
	} {
		tr := &tracker{moved: map[int]thread{}, prune: pruneFirst, covers: func(*thread) bool { return true }}
		tr.note(&Event{Call: Unshare, Time: test.clock, Boot: moved, PID: 10, TID: 10, To: Set{ns.Net: {Inode: 2}}})
		s := tr.summary(map[int]thread{10: {pid: 10, tid: 10, ns: NS{Inode: 3}, at: test.born}})
		if len(s.Disagreements) != test.want {
			t.Errorf("%s: disagreements %+v, want %d", name, s.Disagreements, test.want)
		}
	}
}
