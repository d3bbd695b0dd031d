// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package engines

import (
	"fmt"
	"os"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/nstest"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// TestNetFileBesideTask has a file of /proc/PID/net open whose namespace a task is in,
// by which the proc engine recognises it: a process, or a thread alone.
func TestNetFileBesideTask(t *testing.T) {
	CheckKernel(t)
	for e, opts := range optionsOf(t) {
		for _, kind := range []nstest.Kind{nstest.Process, nstest.Thread} {
			t.Run(engineNames[e]+"/"+string(kind), func(t *testing.T) {
				scene := nstest.Make(t, kind)
				task := scene.Holders[0]
				path := fmt.Sprintf("/proc/%d/net/tcp", task.PID)
				if task.TID != 0 {
					path = fmt.Sprintf("/proc/%d/task/%d/net/tcp", task.PID, task.TID)
				}
				file, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
				if err != nil {
					t.Fatal(err)
				}
				finds := func() bool {
					n := findIn(look(t, opts), &scene.Truth)
					return n != nil && slices.ContainsFunc(n.Holders, func(h ns.Holder) bool {
						return h.Kind == ns.KindFD && h.Via == ns.ViaProcNet && h.PID == ns.TaskID(os.Getpid()) && int(h.FD) == file
					})
				}
				for range 2 { // the second time the link's text has " (deleted)"
					if !finds() {
						t.Error("the file is not found")
					}
				}
				unix.Close(file)
				if finds() {
					t.Error("the file is found when it is closed")
				}
			})
		}
	}
}
