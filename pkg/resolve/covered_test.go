// SPDX-License-Identifier: Apache-2.0

package resolve

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/nstest"
	"github.com/nsinspect/nsinspect/pkg/scan"
)

// A PID whose directory is that of another process, by a mount, is not taken for it: the
// namespace would be the other one's, and the command that ends the process, too.
func TestCoveredProcess(t *testing.T) {
	if !nstest.PrivateMounts(t) {
		return
	}
	one, other := nstest.Make(t, nstest.Process), nstest.Make(t, nstest.Process)
	pid := one.Holders[0].PID
	dir := fmt.Sprintf("/proc/%d", pid)
	h, err := host.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	resolve := func(text string) (inode, opened uint64, errs string) {
		ref, err := ParseRef(text)
		if err != nil {
			t.Fatal(err)
		}
		_, n, err := Resolve(t.Context(), scan.Options{Host: h}, nil, ref)
		if err == nil {
			inode = n.Inode
		}
		n, fd, openErr := Open(t.Context(), h, nil, nil, ref)
		if openErr == nil && n != nil {
			unix.Close(fd)
			opened = n.Inode
		}
		return inode, opened, fmt.Sprint(err, openErr)
	}
	for _, ref := range []string{fmt.Sprint(pid), fmt.Sprint("pid:", pid)} {
		if inode, opened, errs := resolve(ref); inode != one.Inode || opened != one.Inode {
			t.Errorf("%s: %d and, opened, %d, want %d: %s", ref, inode, opened, one.Inode, errs)
		}
		for over, from := range map[string]string{
			dir:         fmt.Sprintf("/proc/%d", other.Holders[0].PID),
			dir + "/ns": fmt.Sprintf("/proc/%d/ns", other.Holders[0].PID),
			dir + "/.":  t.TempDir(),
		} {
			if err := unix.Mount(from, over, "", unix.MS_BIND, ""); err != nil {
				t.Fatal(err)
			}
			if inode, opened, errs := resolve(ref); inode != 0 || opened != 0 || !strings.Contains(errs, "a mount covers its files in /proc") {
				t.Errorf("%s below a mount of %s on %s: %d, opened %d, %s", ref, from, over, inode, opened, errs)
			}
			if err := unix.Unmount(over, unix.MNT_DETACH); err != nil {
				t.Fatal(err)
			}
		}
	}
}
