// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package engines

import (
	"os"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/nstest"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// TestWatchBesideMount has a watch on the file of a namespace that a mount keeps, too:
// /proc shows both.
func TestWatchBesideMount(t *testing.T) {
	CheckKernel(t)
	for e, opts := range optionsOf(t) {
		t.Run(engineNames[e], func(t *testing.T) {
			scene := nstest.Make(t, nstest.Mount)
			file, err := unix.Open(scene.File(), unix.O_RDONLY|unix.O_CLOEXEC, 0)
			if err != nil {
				t.Fatal(err)
			}
			end, err := holdWatch(t, file)
			unix.Close(file)
			if err != nil {
				t.Fatal(err)
			}
			watches := func() bool {
				n := findIn(look(t, opts), &scene.Truth)
				return n != nil && slices.ContainsFunc(n.Holders, func(h ns.Holder) bool {
					return h.Kind == ns.KindFD && h.Via == ns.ViaInotify && h.PID == ns.TaskID(os.Getpid())
				})
			}
			if !watches() {
				t.Error("the watch is not found")
			}
			end()
			if watches() {
				t.Error("the watch is found when it is closed")
			}
		})
	}
}
