// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/explain"
	"github.com/nsinspect/nsinspect/internal/nstest"
	"github.com/nsinspect/nsinspect/internal/testlock"
)

// Ten thousand mounts in one mount namespace, half of them one over the other,
// and a thousand mount namespaces that no process is in.
func TestManyMounts(t *testing.T) {
	testlock.Exclusive(t) // a load, and it measures
	listsMountNamespaces(t)
	scene := nstest.Make(t, nstest.Process)
	dir := t.TempDir()
	const wide, high, apart = 5000, 5000, 1000
	var fds []int
	defer func() {
		for _, fd := range fds {
			unix.Close(fd)
		}
	}()
	inMountNS(t, func() error {
		for i := range apart {
			if i == 0 {
				if err := bindTo(scene.File(), filepath.Join(dir, "apart")); err != nil {
					return err
				}
			}
			fd, err := unix.Open("/proc/thread-self/ns/mnt", unix.O_RDONLY|unix.O_CLOEXEC, 0)
			if err != nil {
				return err
			}
			fds = append(fds, fd)
			if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
				return err
			}
		}
		if err := unix.Unmount(filepath.Join(dir, "apart"), 0); err != nil {
			return err
		}
		for i := range wide {
			if err := bindTo(scene.File(), filepath.Join(dir, fmt.Sprint(i))); err != nil {
				return err
			}
		}
		for range high {
			if err := unix.Mount(scene.File(), filepath.Join(dir, "0"), "", unix.MS_BIND, ""); err != nil {
				return err
			}
		}
		return nil
	})
	start := time.Now()
	snap := scanLive(t, Options{})
	took := time.Since(start)
	_, holders := mountsOf(snap.Find(scene.Inode))
	covered, unseen := 0, 0
	for _, h := range holders {
		if h.Covered {
			covered++
		}
		if h.PID == 0 {
			unseen++
		}
	}
	if len(holders) != wide+high+apart || covered != high || unseen != apart {
		t.Errorf("%d mounts, %d covered, %d that no process sees, want %d, %d, %d", len(holders), covered, unseen, wide+high+apart, high, apart)
	}
	t.Logf("scan took %s", took)
	if took > time.Minute { // seconds, unless each mount costs a pass over all
		t.Errorf("scan took %s", took)
	}
	start = time.Now()
	if v := explain.Verdict(snap.Find(scene.Inode), snap); len(v) > 2000 {
		t.Errorf("a verdict of %d bytes: %.2000s", len(v), v)
	}
	t.Logf("verdict took %s", time.Since(start))
}
