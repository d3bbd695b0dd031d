// SPDX-License-Identifier: Apache-2.0

package nstest

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// RunNetns is where `ip netns` keeps its names.
const RunNetns = "/run/netns"

// namePrefix begins every name that this process makes outside its own directory.
var namePrefix = "nstest-" + token + "-"

// workDir makes, once, the directory for everything this process puts in the
// file system, and the guardian that takes it away, mounts included, when this
// process has ended in whatever way. Nothing mounted below propagates.
var workDir = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", namePrefix)
	if err != nil {
		return "", fmt.Errorf("make work directory: %w", err)
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return "", fmt.Errorf("find work directory: %w", err)
	}
	if _, err := startChild(order{Scene: guardian, Parent: os.Getpid(), Dir: dir, Prefix: namePrefix}); err != nil {
		return "", errors.Join(err, os.Remove(dir))
	}
	if err := unix.Mount(dir, dir, "", unix.MS_BIND, ""); err != nil {
		return "", fmt.Errorf("mount work directory on itself: %w", err)
	}
	if err := unix.Mount("", dir, "", unix.MS_PRIVATE, ""); err != nil {
		return "", fmt.Errorf("make work directory private: %w", err)
	}
	return dir, nil
})

// sceneDir makes a new directory in the work directory.
func sceneDir() (string, error) {
	work, err := workDir()
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp(work, "scene-")
	if err != nil {
		return "", fmt.Errorf("make scene directory: %w", err)
	}
	return dir, nil
}

// guard waits for its parent to end and removes what it left behind. It goes on
// for a while after all is gone, since a child may be mounting something still.
func guard(o order) {
	io.Copy(io.Discard, os.Stdin)
	clean := 0
	for start := time.Now(); clean < 5 && time.Since(start) < time.Minute; time.Sleep(50 * time.Millisecond) {
		clean++
		if left, err := sweep(o.Dir, o.Prefix); left > 0 || err != nil {
			clean = 0
		}
	}
}

// sweep removes the directory dir and the names in /run/netns that begin with
// prefix, with all mounts on and below them, and returns how many things it found.
func sweep(dir, prefix string) (found int, err error) {
	mounts, err := readMounts()
	if err != nil {
		return 0, err
	}
	slices.Reverse(mounts) // the newest first
	name := filepath.Join(RunNetns, prefix)
	for _, m := range mounts {
		path := strings.TrimSuffix(m.path, "//deleted")
		if path == dir || strings.HasPrefix(path, dir+"/") || strings.HasPrefix(path, name) {
			found++
			err = errors.Join(err, unix.Unmount(path, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW))
		}
	}
	if err != nil {
		return found, err // removing files under mounts would empty those
	}
	names, err := os.ReadDir(RunNetns)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return found, err
	}
	for _, e := range names {
		if strings.HasPrefix(e.Name(), prefix) {
			found++
			err = errors.Join(err, os.Remove(filepath.Join(RunNetns, e.Name())))
		}
	}
	if _, e := os.Lstat(dir); e == nil {
		found++
		err = errors.Join(err, os.RemoveAll(dir))
	}
	return found, err
}
