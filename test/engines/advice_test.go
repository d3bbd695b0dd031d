// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package engines

import (
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/explain"
	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/nstest"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/scan"
)

// besideKinds are what every scene gets as a second holder: one of each kind, and of each
// way to end one. The proc engine, which writes the same steps, has the first few.
var besideKinds = []nstest.Kind{
	nstest.Process, nstest.FD, nstest.Mount, nstest.Socket,
	nstest.Thread, nstest.MountPrivate, nstest.MountFD, nstest.SocketUnaccepted, nstest.TunBare,
	nstest.Mmap, nstest.Inflight, nstest.InflightSocket, nstest.InflightSender, nstest.IOURing, nstest.IOURingRegistered, nstest.IOURingMapped, nstest.SocketPeer, nstest.AIOPoll, nstest.ProcNet,
}

// TestAdvice does what the verdict on a namespace advises, for every scene beside every
// second holder: the namespace is gone then, or the verdict said "at least".
func TestAdvice(t *testing.T) {
	CheckKernel(t)
	h, err := host.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	engines := optionsOf(t)
	for e, opts := range engines {
		opts.Host, opts.Details = h, true
		seconds := besideKinds
		if e == proc {
			seconds = seconds[:4]
		}
		for _, row := range matrix {
			t.Run(engineNames[e]+"/"+string(row.kind), func(t *testing.T) {
				for _, second := range seconds {
					t.Run(string(second), func(t *testing.T) { advise(t, opts, pair(t, engines[bpfEngine], row.kind, second)) })
				}
			})
		}
	}
}

// pair makes a scene with a second holder. Where no path leads to the namespace on this
// kernel, nobody else gets hold of it, and there is none.
func pair(t *testing.T, opts scan.Options, first, second nstest.Kind) *nstest.Scene {
	t.Helper()
	nstest.CheckLeaks(t)
	one := nstest.Make(t, first)
	t.Cleanup(func() { kill(t, one) })
	if fd := openScene(t, opts, one); fd >= 0 {
		file := os.NewFile(uintptr(fd), "namespace")
		defer file.Close()
		two := nstest.MakeBeside(t, second, file)
		t.Cleanup(func() { kill(t, two) })
	}
	return one
}

func kill(t *testing.T, scene *nstest.Scene) {
	if err := scene.Kill(); err != nil {
		t.Error(err)
	}
}

func advise(t *testing.T, opts scan.Options, scene *nstest.Scene) {
	t.Helper()
	verdict, steps := verdictOn(t, opts, scene)
	if verdict == "" {
		return // this engine does not see it
	}
	for _, step := range steps {
		do(t, step, scene)
	}
	if gone(t, opts, scene) || strings.Contains(verdict, "to free it, at least ") {
		return
	}
	t.Errorf("still alive after what was advised: %s\nsteps: %q %q\nnow: %+v", verdict,
		explain.Commands(slices.Values(steps)), explain.Advice(slices.Values(steps)), findIn(look(t, opts), &scene.Truth))
}

// verdictOn returns what who-uses writes about the namespace of a scene.
func verdictOn(t *testing.T, opts scan.Options, scene *nstest.Scene) (verdict string, steps []explain.Fix) {
	t.Helper()
	opts.Balance = scene.Inode
	snap := look(t, opts)
	n := findIn(snap, &scene.Truth)
	if n == nil {
		return "", nil
	}
	if err := scan.Describe(t.Context(), opts.Host, n); err != nil {
		t.Fatal(err)
	}
	a := explain.New(snap, opts.Host, nil)
	a.Process = func(pid ns.TaskID) *ns.Process {
		p, err := scan.ReadProcess(opts.Host, pid)
		if err != nil {
			return nil
		}
		return p
	}
	steps = slices.Collect(a.Free(n))
	return a.Verdict(n, slices.Values(steps)), steps
}

var pidIn = regexp.MustCompile(`\bpid (\d+)`)

// do pastes a step into a shell or, where it is in words, ends the process that they name,
// or that of the scene.
func do(t *testing.T, step explain.Fix, scene *nstest.Scene) {
	t.Helper()
	if step.Command != "" {
		if out, err := exec.Command("dash", "-c", step.Command).CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", step.Command, err, out)
		}
		return
	}
	words := strings.Join(explain.Advice(slices.Values([]explain.Fix{step})), " ")
	pid := scene.Child
	if m := pidIn.FindStringSubmatch(words); m != nil {
		pid, _ = strconv.Atoi(m[1]) // digits
	}
	if err := unix.Kill(pid, unix.SIGTERM); err != nil && err != unix.ESRCH {
		t.Errorf("%s: %v", words, err)
	}
}

// gone reports whether the kernel gives the namespace of a scene up within a while.
func gone(t *testing.T, opts scan.Options, scene *nstest.Scene) bool {
	t.Helper()
	for range 40 {
		if findIn(look(t, opts), &scene.Truth) == nil {
			return true
		}
		time.Sleep(50 * time.Millisecond)
	}
	return false
}
