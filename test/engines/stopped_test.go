// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package engines

import (
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/nstest"
)

// TestAdviceStoppedThreads stops a process whose first thread has ended: its state is "Z", and SIGTERM
// waits for the others all the same.
func TestAdviceStoppedThreads(t *testing.T) {
	CheckKernel(t)
	h, err := host.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	for e, opts := range optionsOf(t) {
		opts.Host, opts.Details = h, true
		t.Run(engineNames[e], func(t *testing.T) {
			scene := nstest.Make(t, nstest.ZombieLeader)
			t.Cleanup(func() { kill(t, scene) })
			if err := unix.Kill(scene.Holders[0].PID, unix.SIGSTOP); err != nil {
				t.Fatal(err)
			}
			nstest.Eventually(t, func() string {
				if stat, err := h.ReadStatus(strconv.Itoa(scene.Holders[0].PID)); err != nil || !stat.OutlivesTerm {
					return "it does not stop"
				}
				return ""
			})
			advise(t, opts, scene)
		})
	}
}
