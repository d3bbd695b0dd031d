// SPDX-License-Identifier: Apache-2.0

package enter

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

const sys = "/sys"

// prepareMounts gives the calling thread mounts of its own, with a /sys of the
// network namespace it is in and the files of EtcDir over those of /etc. The
// kernel gives a thread with a mount namespace of its own a working directory of
// its own, too (kernel/fork.c, ksys_unshare, 6.18).
func (c *Command) prepareMounts() error {
	if err := unix.Unshare(unix.CLONE_NEWNS | unix.CLONE_FS); err != nil {
		return &StepError{stepUnshare, err}
	}
	if err := unix.Mount("", "/", "none", unix.MS_SLAVE|unix.MS_REC, ""); err != nil {
		return &StepError{stepSlave, err}
	}
	if err := c.mountSys(); err != nil {
		return &StepError{stepSys, err}
	}
	c.bindEtc()
	return nil
}

// mountSys puts a /sys of the calling thread's network namespace in the place of
// the old one. What is mounted below that, cgroups above all, stays, which it
// does not with `ip netns exec`.
func (c *Command) mountSys() error {
	below := c.takeBelow()
	defer func() {
		for _, m := range below {
			unix.Close(m.tree)
		}
	}()
	// sysfs has no programs, devices or set-UID files: the flags are those it
	// customarily has, and in a user namespace those it must have.
	flags := uintptr(unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC)
	if unix.Unmount(sys, unix.MNT_DETACH) != nil {
		// There was none, or it may not be taken away: then one lies over it, which
		// may not be writable if that one is not.
		var fs unix.Statfs_t
		if unix.Statfs(sys, &fs) == nil && fs.Flags&unix.ST_RDONLY != 0 {
			flags |= unix.MS_RDONLY
		}
	}
	if err := unix.Mount(c.Source, sys, "sysfs", flags, ""); err != nil {
		return err
	}
	for _, m := range below {
		if err := unix.MoveMount(m.tree, "", unix.AT_FDCWD, m.path, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
			c.Warn(fmt.Errorf("keep %s: %w", m.path, err))
		}
	}
	return nil
}

// below is a copy of a mount below /sys, with all that is mounted below it.
type below struct {
	path string
	tree int
}

// takeBelow copies what is mounted right below /sys. It needs Linux 5.2
// (open_tree).
func (c *Command) takeBelow() []below {
	f, err := os.Open("/proc/thread-self/mountinfo")
	if err != nil {
		c.Warn(fmt.Errorf("keep what is mounted below %s: %w", sys, err))
		return nil
	}
	defer f.Close()
	mounts, err := mountinfo.GetMountsFromReader(f, nil)
	if err != nil {
		c.Warn(fmt.Errorf("keep what is mounted below %s: %w", sys, err))
		return nil
	}
	var all []below
	for _, path := range rightBelow(mounts, sys) {
		tree, err := unix.OpenTree(unix.AT_FDCWD, path, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE)
		if err != nil {
			c.Warn(fmt.Errorf("keep %s: %w", path, err))
			continue
		}
		all = append(all, below{path, tree})
	}
	return all
}

// rightBelow returns the mount points right below what is mounted on a directory.
// Where nothing is, the directory's own mount may have some.
func rightBelow(mounts []*mountinfo.Info, dir string) []string {
	top, inside := -1, map[int]bool{}
	for _, m := range mounts {
		if m.Mountpoint == dir {
			top = m.ID // the last one covers the others
		}
		inside[m.ID] = strings.HasPrefix(m.Mountpoint, dir+"/")
	}
	var paths []string
	for _, m := range mounts {
		right := m.Parent == top || top < 0 && !inside[m.Parent]
		if inside[m.ID] && right && !slices.Contains(paths, m.Mountpoint) {
			paths = append(paths, m.Mountpoint)
		}
	}
	return paths
}

// bindEtc lays the files of EtcDir over those of the same name in /etc. One that
// has no counterpart there is left out, and warned of, as `ip netns exec` does.
func (c *Command) bindEtc() {
	if c.EtcDir == "" {
		return
	}
	entries, err := os.ReadDir(c.EtcDir)
	if errors.Is(err, os.ErrNotExist) {
		return
	}
	if err != nil {
		c.Warn(fmt.Errorf("read %s: %w", c.EtcDir, err))
	}
	for _, e := range entries {
		from, over := filepath.Join(c.EtcDir, e.Name()), filepath.Join("/etc", e.Name())
		if err := unix.Mount(from, over, "none", unix.MS_BIND, ""); err != nil {
			c.Warn(fmt.Errorf("bind %s over %s: %w", from, over, err))
		}
	}
}
