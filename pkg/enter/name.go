// SPDX-License-Identifier: Apache-2.0

package enter

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/nsfs"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// NamesDir is where `ip netns` has the names of network namespaces.
const NamesDir = "/run/netns"

// maxName is the longest name of a file (include/uapi/linux/limits.h, NAME_MAX).
const maxName = 255

// CheckName returns an error for what `ip netns` takes for no name (iproute2, ip/ipnetns.c,
// invalid_name, 6.1).
func CheckName(name string) error {
	switch {
	case name == "":
		return errors.New("empty name")
	case len(name) > maxName:
		return fmt.Errorf("malformed name: none is longer than %d bytes", maxName)
	case strings.ContainsAny(name, "/\x00") || name == "." || name == "..":
		return fmt.Errorf("malformed name %q: use a file name, without a slash", name)
	}
	return nil
}

// Name gives the network namespace that an open file is of, which must be the expected one,
// a name in NamesDir, as `ip netns attach` does: by a bind mount of the file on a new one,
// which `ip netns del` takes away. It returns an error that is unix.EEXIST if there is a file of that
// name already, whatever that is. No symlink is followed, and nothing is left behind on
// failure; a process that is killed between two system calls leaves an empty file.
//
// It needs CAP_SYS_ADMIN in the user namespace that owns the caller's mount namespace
// (fs/namespace.c, may_mount, 6.18).
func Name(file int, expect ns.Namespace, name string) error {
	if err := CheckName(name); err != nil {
		return err
	}
	c := Command{File: file, Expect: expect}
	if err := c.checkFile(); err != nil {
		return err
	}
	dir, err := openShared(NamesDir)
	if err != nil {
		return err
	}
	defer unix.Close(dir)
	return attach(dir, name, file, expect.Inode)
}

// openShared opens a directory of names, which is made where there is none. From then on it
// is a mount of its own, which is shared with other mount namespaces, so that the names are
// there as well and go away there as well (iproute2, ip/ipnetns.c, netns_add, 6.1).
func openShared(path string) (int, error) {
	if err := unix.Mkdir(path, 0o755); err != nil && err != unix.EEXIST {
		return -1, fmt.Errorf("make %s: %w", path, err)
	}
	dir, err := openDir(path)
	if err != nil {
		return -1, err
	}
	if err = share(dir); err != unix.EINVAL {
		if err != nil {
			unix.Close(dir)
			return -1, fmt.Errorf("share %s with other mount namespaces: %w", path, err)
		}
		return dir, nil
	}
	defer unix.Close(dir) // it is no mount, and is below one from now on
	if err := lock(dir); err != nil {
		return -1, fmt.Errorf("lock %s: %w", path, err)
	}
	again, err := openDir(path)
	if err != nil {
		return -1, err
	}
	if share(again) == unix.EINVAL { // if not, another program did it meanwhile
		err = unix.Mount(nsfs.SelfFD(again), nsfs.SelfFD(again), "none", unix.MS_BIND|unix.MS_REC, "")
		unix.Close(again)
		if err != nil {
			return -1, fmt.Errorf("make %s a mount: %w", path, err)
		}
		if again, err = openDir(path); err != nil {
			return -1, err
		}
		err = share(again)
	}
	if err != nil {
		unix.Close(again)
		return -1, fmt.Errorf("share %s with other mount namespaces: %w", path, err)
	}
	return again, nil
}

func openDir(path string) (int, error) {
	dir, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("open %s: %w", path, err)
	}
	return dir, nil
}

// share returns EINVAL for a directory that is no mount.
func share(dir int) error {
	return unix.Mount("", nsfs.SelfFD(dir), "none", unix.MS_SHARED|unix.MS_REC, "")
}

// lock takes the lock that `ip netns add` takes. Whoever may open the directory may hold it, so it is
// not waited for without end.
func lock(dir int) error {
	const tries = 40
	for range tries {
		err := unix.Flock(dir, unix.LOCK_EX|unix.LOCK_NB)
		if err != unix.EWOULDBLOCK && err != unix.EINTR {
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
	return errors.New("another process holds it")
}

// attach mounts a namespace's file on a new file of a directory.
func attach(dir int, name string, file int, inode uint64) error {
	at, err := unix.Openat(dir, name, unix.O_RDONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(at)
	err = unix.Mount(nsfs.SelfFD(file), nsfs.SelfFD(at), "none", unix.MS_BIND, "")
	if err == nil {
		if err = checkAttached(dir, name, inode); err == nil {
			return nil
		}
		_ = unix.Unmount(fmt.Sprintf("%s/%s", nsfs.SelfFD(dir), name), unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW) // the file cannot be removed then
	}
	if e := unix.Unlinkat(dir, name, 0); e != nil {
		err = errors.Join(err, fmt.Errorf("remove the empty file %s: %w", name, e))
	}
	return fmt.Errorf("mount the namespace: %w", err)
}

// checkAttached returns an error unless a name leads to the namespace.
func checkAttached(dir int, name string, inode uint64) error {
	var st unix.Stat_t
	err := unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW)
	if err == nil && st.Ino != inode {
		err = errors.New("the name leads to something else")
	}
	return err
}
