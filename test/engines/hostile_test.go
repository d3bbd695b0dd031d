// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package engines

import (
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/testlock"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/scan"
)

// sensible is how long a scan may take, whoever the neighbours are, on the slowest
// machine: what grows with the square of what they have takes many times as long.
const sensible = time.Minute

// lookAt scans, in sensible time, and returns how many holders of a kind the
// neighbour has. The test fails where a source that sees it has a gap.
func lookAt(t *testing.T, engine int, opts scan.Options, n neighbour, kind ns.Kind) int {
	t.Helper()
	begin := time.Now()
	snap := look(t, opts)
	if took := time.Since(begin); took > sensible {
		t.Errorf("%s: took %v", engineNames[engine], took)
	}
	for _, g := range snap.Gaps {
		if g.Of(kind.String()) && g.Err != scan.ErrNotInProc {
			t.Errorf("%s: gap %v", engineNames[engine], g)
		}
	}
	count := 0
	if found := snap.Find(n.inode); found != nil {
		for _, h := range found.Holders {
			if h.Kind == kind && h.PID == ns.TaskID(n.pid) {
				count++
			}
		}
	}
	return count
}

// 100,000 descriptors, in one process if the limit allows, else in as few as it
// does; the namespace files are the last ones.
func TestManyDescriptors(t *testing.T) {
	testlock.Exclusive(t) // a load, and it measures
	CheckKernel(t)
	const many = 100_000
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	each := int(min(many, limit.Max))
	if each < many {
		t.Logf("RLIMIT_NOFILE is %d: %d processes share %d descriptors", each, (many+each-1)/each, many)
	}
	var all []neighbour
	for left := many; left > 0; left -= each {
		all = append(all, startNeighbour(t, "fds", max(min(left, each), 100)))
	}
	for e, opts := range optionsOf(t) {
		for _, n := range all {
			if got := lookAt(t, e, opts, n, ns.KindFD); got != far {
				t.Errorf("%s: %d namespace files of process %d found, want %d", engineNames[e], got, n.pid, far)
			}
		}
	}
}

// 4,096 sockets with a namespace file queued in each.
func TestManyQueues(t *testing.T) {
	testlock.Exclusive(t) // a load, and it measures
	need.Kernel(t, 6, 0, "what reads files in flight needs")
	CheckKernel(t)
	const many = 4096
	n := startNeighbour(t, "queues", many)
	for e, want := range [numEngines]int{proc: 0, bpfEngine: many} { // the proc engine has a gap
		if got := lookAt(t, e, optionsOf(t)[e], n, ns.KindInflight); got != want {
			t.Errorf("%s: %d files in flight found, want %d", engineNames[e], got, want)
		}
	}
}

// 10,000 mounts in the mount namespace that the program runs in.
func TestManyMounts(t *testing.T) {
	testlock.Exclusive(t) // a load, and it measures
	CheckKernel(t)
	need.Program(t, "nsenter")
	const many = 10_000
	program := binary(t)
	begin := time.Now()
	n := startNeighbour(t, "mounts", many)
	t.Logf("made in %v", time.Since(begin))
	for _, engine := range engineNames {
		begin := time.Now()
		r := run(t, "nsenter", "--mount", "--target", strconv.Itoa(n.pid), program, "list", "-o", "json", "--engine", engine)
		if got := r.holders(n.inode, "mount"); r.status != 0 || got != many/10 {
			t.Errorf("%s: status %d, %d mounts found, want %d: %s", engine, r.status, got, many/10, r.stderr)
		}
		if took := time.Since(begin); took > sensible {
			t.Errorf("%s: took %v", engine, took)
		} else {
			t.Logf("%s: took %v", engine, took)
		}
	}
}
