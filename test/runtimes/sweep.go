// SPDX-License-Identifier: Apache-2.0

package runtimes

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

const runNetns = "/run/netns"

// traces are the things outside of a home that belong to it.
type traces struct {
	ids    []string // containers and pods: their cgroups and OCI state
	names  []string // Podman's names in /run/netns
	shims  []string // sockets of containerd's shims
	before before
}

var (
	containerID = regexp.MustCompile(`^([0-9a-f]{64}|nsrt[0-9]+-[a-z]+)$`)
	podmanNetns = regexp.MustCompile(`/run/netns/netns-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	shimSocket  = regexp.MustCompile(`^unix://(/run/containerd/s/[0-9a-f]{64})$`)
)

func readTraces(dir string) traces {
	tr := traces{before: readBefore(dir)}
	for _, path := range globs(dir, "ids/*", "data/containers/*", "root/*-containers/*") {
		if id := filepath.Base(path); containerID.MatchString(id) {
			tr.ids = append(tr.ids, id)
		}
	}
	for _, path := range globs(dir, "root/libpod/*", "root/*.sql") {
		data, _ := os.ReadFile(path) // a database, whichever: the name is text in it
		tr.names = append(tr.names, podmanNetns.FindAllString(string(data), -1)...)
	}
	for _, path := range globs(dir, "exec/containerd/daemon/io.containerd.runtime.v2.task/*/*/address") {
		data, _ := os.ReadFile(path)
		if m := shimSocket.FindSubmatch(data); m != nil {
			tr.shims = append(tr.shims, string(m[1]))
		}
	}
	slices.Sort(tr.ids)
	tr.ids = slices.Compact(tr.ids)
	slices.Sort(tr.names)
	tr.names = slices.Compact(tr.names)
	return tr
}

func globs(dir string, patterns ...string) []string {
	var all []string
	for _, p := range patterns {
		paths, _ := filepath.Glob(filepath.Join(dir, p))
		all = append(all, paths...)
	}
	return all
}

// sweep ends every process of the home in dir and removes what they made, the
// directory last. After an orderly end it finds next to nothing.
func sweep(dir string) error {
	tr := readTraces(dir)
	err := errors.Join(
		killAll(dir, tr.ids),
		removeNames(tr),
		unmountBelow(dir),
		removeLink(bridgeOf(dir)),
		removeOrphans(tr.before.LastLink),
		removeCgroups(tr),
	)
	for _, path := range tr.shims {
		err = errors.Join(err, ignore(os.Remove(path), fs.ErrNotExist))
	}
	for _, id := range tr.ids {
		for _, path := range globs("/run", "runc/"+id, "crun/"+id) { // runc mounts itself there for a moment
			err = errors.Join(err, unmountBelow(path), unlessBusy(func() error { return os.RemoveAll(path) }))
		}
	}
	if err != nil {
		return err // the home is what the next sweep starts from
	}
	return os.RemoveAll(dir)
}

// unmountBelow unmounts all that is mounted below dir, the newest first.
func unmountBelow(dir string) error {
	mounts, err := mountinfo.GetMounts(mountinfo.PrefixFilter(dir))
	if err != nil {
		return fmt.Errorf("read own mounts: %w", err)
	}
	for _, m := range slices.Backward(mounts) {
		if e := unix.Unmount(m.Mountpoint, unix.MNT_DETACH); e != nil && !errors.Is(e, unix.EINVAL) {
			err = errors.Join(err, fmt.Errorf("unmount %s: %w", m.Mountpoint, e))
		}
	}
	return err
}

// removeNames removes Podman's names, and the mount that Podman makes of
// /run/netns if nobody has a name there by now. Like ip-netns(8) it leaves the
// directory, which others may be about to use.
func removeNames(tr traces) error {
	var err error
	for _, name := range tr.names {
		if e := unix.Unmount(name, unix.MNT_DETACH); e != nil {
			err = errors.Join(err, ignore(e, unix.EINVAL, unix.ENOENT))
		}
		err = errors.Join(err, ignore(os.Remove(name), fs.ErrNotExist))
	}
	if entries, _ := os.ReadDir(runNetns); tr.before.RunNetns && len(entries) == 0 && isMountPoint(runNetns) {
		err = errors.Join(err, ignore(unix.Unmount(runNetns, 0), unix.EBUSY))
	}
	return err
}

func isMountPoint(path string) bool {
	mounts, err := mountinfo.GetMounts(mountinfo.SingleEntryFilter(path))
	return err == nil && len(mounts) > 0
}

// removeCgroups removes the cgroups of the containers, and the parents that a
// runtime made for them.
func removeCgroups(tr traces) error {
	var err error
	for _, path := range slices.Backward(cgroupsOf(tr.ids)) {
		err = errors.Join(err, unlessBusy(func() error { return os.Remove(path) }))
	}
	for _, path := range slices.Backward(tr.before.Cgroups) {
		_ = os.Remove(path) // in use by someone else now, or never made
	}
	return err
}

// cgroupsOf are the cgroups of containers and pods, parents first.
func cgroupsOf(ids []string) []string {
	var found []string
	if len(ids) == 0 {
		return nil
	}
	_ = filepath.WalkDir("/sys/fs/cgroup", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && containsAny(path, ids) {
			found = append(found, path)
			if parent := filepath.Dir(path); containerID.MatchString(filepath.Base(parent)) { // a pod's
				found = append(found, parent, filepath.Join(parent, "conmon"))
			}
		}
		return nil // a cgroup that vanishes meanwhile is as good as removed
	})
	slices.Sort(found)
	return slices.Compact(found)
}

// unlessBusy removes something that the kernel calls busy for a moment after the
// last process in it was killed.
func unlessBusy(remove func() error) error {
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		err := ignore(remove(), fs.ErrNotExist)
		if !errors.Is(err, unix.EBUSY) || time.Now().After(end) {
			return err
		}
	}
}

func containsAny(s string, parts []string) bool {
	return slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(s, p) })
}
