// SPDX-License-Identifier: Apache-2.0

package nstest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// privateEnv marks a process that has its mounts for itself, or is started by one.
const privateEnv = "NSTEST_PRIVATE_MOUNTS"

// ownMounts moves the tests of a package to a mount namespace of their own, by
// executing the program again there, under the same PID. Names in /run/netns are
// then this package's only, a mount namespace that another package makes has no
// copies of its mounts, and whatever way the tests end, none of its mounts is left.
// Without CAP_SYS_ADMIN nothing is done: such tests mount nothing.
func ownMounts() error {
	if os.Getenv(privateEnv) != "" || !strings.HasSuffix(os.Args[0], ".test") {
		return nil // a process that tests have started
	}
	shared := sharedRoot()
	// The caller is on the first thread, which keeps its namespace when it executes.
	if err := unix.Unshare(unix.CLONE_NEWNS); errors.Is(err, unix.EPERM) {
		return nil
	} else if err != nil {
		return fmt.Errorf("make mount namespace: %w", err)
	}
	if err := separate(shared); err != nil {
		return err
	}
	if err := os.Setenv(privateEnv, "1"); err != nil {
		return err
	}
	return os.NewSyscallError("execute again", unix.Exec("/proc/self/exe", os.Args, os.Environ()))
}

// sharedRoot reports whether mounts of the root propagate to other mount namespaces,
// as systemd sets it up.
func sharedRoot() bool {
	text, err := os.ReadFile("/proc/thread-self/mountinfo")
	if err != nil {
		return false
	}
	return slices.ContainsFunc(strings.Split(string(text), "\n"), func(line string) bool {
		fields := strings.Split(line, " ")
		return len(fields) > 6 && fields[4] == "/" && strings.HasPrefix(fields[6], "shared:")
	})
}

// separate cuts the mounts of the calling thread off from those that they were
// copied from: it drops the copies of namespaces, which would keep these alive, and
// gives the tests an empty /run/netns where the machine has one.
func separate(shared bool) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	mounts, err := readMounts()
	if err != nil {
		return err
	}
	for _, m := range slices.Backward(mounts) {
		if m.fstype != "nsfs" {
			continue
		}
		if err := unix.Unmount(m.path, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW); err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("unmount the copy of %q: %w", m.path, err)
		}
	}
	err = unix.Mount("nstest", RunNetns, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "mode=755")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cover %s: %w", RunNetns, err)
	}
	if !shared {
		return nil
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SHARED, ""); err != nil {
		return fmt.Errorf("share mounts among the tests: %w", err)
	}
	return nil
}
