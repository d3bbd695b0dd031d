// SPDX-License-Identifier: Apache-2.0

package nstest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// privateMounts moves the calling thread to a mount namespace of its own that
// has a tmpfs (on dir) as its root, /proc, and nothing else: no copy of anyone's
// namespace mounts. It needs CAP_SYS_ADMIN.
func privateMounts(dir string) error {
	if err := unshareMounts(); err != nil {
		return err
	}
	return newRoot(dir)
}

// unshareMounts moves the calling thread to a mount namespace of its own, from
// which nothing propagates.
func unshareMounts() error {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("make mount namespace: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	return nil
}

// newRoot replaces all mounts of the calling thread's mount namespace by a
// tmpfs, made on dir, and /proc.
func newRoot(dir string) error {
	steps := []struct {
		what string
		f    func() error
	}{
		{"mount new root", func() error { return unix.Mount("nstest", dir, "tmpfs", 0, "size=1m") }},
		{"enter new root", func() error { return unix.Chdir(dir) }},
		{"make proc directory", func() error { return unix.Mkdir("proc", 0o555) }},
		{"mount proc", func() error { return unix.Mount("proc", "proc", "proc", 0, "") }},
		{"change root", changeRoot},
		{"enter root", func() error { return unix.Chdir("/") }},
	}
	for _, s := range steps {
		if err := s.f(); err != nil {
			return fmt.Errorf("%s: %w", s.what, err)
		}
	}
	return nil
}

// changeRoot makes the mount on the current directory the root of the calling
// thread's mount namespace and drops all others. On an initramfs, which
// pivot_root does not replace, the others stay, covered, but for those of
// namespaces.
func changeRoot() error {
	err := unix.PivotRoot(".", ".")
	if err == nil {
		return os.NewSyscallError("leave old root", unix.Unmount(".", unix.MNT_DETACH))
	}
	if !errors.Is(err, unix.EINVAL) {
		return err
	}
	mounts, err := readMounts()
	if err != nil {
		return err
	}
	for _, m := range slices.Backward(mounts) {
		if m.fstype == "nsfs" {
			if err := unix.Unmount(m.path, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW); err != nil {
				return fmt.Errorf("unmount %q: %w", m.path, err)
			}
		}
	}
	if err := unix.Mount(".", "/", "", unix.MS_MOVE, ""); err != nil {
		return fmt.Errorf("move new root: %w", err)
	}
	return os.NewSyscallError("enter moved root", unix.Chroot("."))
}

// enterMountNS moves the process to a mount namespace of its own. Its root is
// replaced by hold: before, the binary must find its dynamic linker.
func enterMountNS(*maker) error { return unshareMounts() }

// bindSelf mounts the calling thread's network namespace on path, a new file.
func bindSelf(path string) (string, error) { return path, bind(netSelf, path) }

// bind mounts a namespace file on path, which is made unless it is there.
func bind(file, path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDONLY, 0o444)
	if err != nil {
		return fmt.Errorf("make file to mount on: %w", err)
	}
	f.Close()
	if err := unix.Mount(file, path, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("mount namespace on %q: %w", path, err)
	}
	return nil
}

// mountHolder describes the topmost mount on path in the calling thread's
// mount namespace.
func mountHolder(path string) (Holder, error) {
	top, err := topMount(path)
	if err != nil {
		return Holder{}, err
	}
	var st unix.Stat_t
	if err := unix.Stat("/proc/thread-self/ns/mnt", &st); err != nil {
		return Holder{}, fmt.Errorf("stat mount namespace: %w", err)
	}
	return Holder{Kind: "mount", Path: path, MountNS: st.Ino, MountID: top.id}, nil
}

// holdMount leaves the namespace mounted on the path asked for, in the mount
// namespace of the process that asks, which is to unmount it.
func holdMount(m *maker) error {
	path := m.Path
	if path == "" {
		path = filepath.Join(m.Dir, "ns")
	}
	t, err := addName(path)
	m.truth.Namespace, m.truth.Holders = t.Namespace, t.Holders
	return err
}

// addName does what `ip netns add` does: it mounts a new network namespace on
// path. A path that is a name already gets a second mount over the first.
func addName(path string) (t Truth, err error) {
	t.Scene = Mount
	err = onThread(func() error {
		if t.Namespace, err = newNetNS(); err != nil {
			return err
		}
		h, err := bindName(netSelf, path)
		t.Holders = []Holder{h}
		return err
	})
	return t, err
}

// bindName mounts a namespace file on path and describes the mount.
func bindName(file, path string) (Holder, error) {
	if err := bind(file, path); err != nil {
		return Holder{}, err
	}
	h, err := mountHolder(path)
	if err != nil {
		return h, errors.Join(err, removeName(path))
	}
	return h, nil
}

// removeName takes the topmost mount off path, and the file if no other is left.
func removeName(path string) error {
	if err := unix.Unmount(path, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW); err != nil {
		return fmt.Errorf("unmount %q: %w", path, err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, unix.EBUSY) {
		return fmt.Errorf("remove name: %w", err)
	}
	return nil
}

func holdMountPrivate(m *maker) error {
	if err := newRoot(m.Dir); err != nil {
		return err
	}
	return m.inNew(func() error {
		if _, err := bindSelf("/ns"); err != nil {
			return err
		}
		h, err := mountHolder("/ns")
		m.hold(h)
		return err
	})
}

// holdMountFD leaves a mount namespace without processes, held by an fd.
func holdMountFD(m *maker) error {
	return m.inNew(func() error {
		h, err := m.mountApart()
		if err != nil {
			return err
		}
		fd, err := unix.Open("/proc/thread-self/ns/mnt", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("open mount namespace: %w", err)
		}
		h.Pin = &Holder{Kind: "fd", PID: os.Getpid(), FD: &fd, Comm: m.comm()}
		m.truth.Holders = []Holder{h}
		return nil
	})
}

// mountApart mounts the thread's network namespace in a mount namespace that
// only the thread is in.
func (m *maker) mountApart() (Holder, error) {
	dir := m.Dir
	if m.Entered {
		dir = "/inner"
		if err := os.Mkdir(dir, 0o755); err != nil {
			return Holder{}, fmt.Errorf("make inner root: %w", err)
		}
	}
	if err := privateMounts(dir); err != nil {
		return Holder{}, err
	}
	if _, err := bindSelf("/ns"); err != nil {
		return Holder{}, err
	}
	return mountHolder("/ns")
}
