// SPDX-License-Identifier: Apache-2.0

package nstest

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// holdMacvtap leaves the file of a macvtap device of the namespace open in a process
// that is elsewhere, as a virtual machine monitor does.
func holdMacvtap(m *maker) error {
	const name = "nsmvt0"
	return m.inNew(func() error {
		if err := addMacvtap(name); err != nil {
			return err
		}
		if err := m.link(name, m.truth.Inode); err != nil {
			return err
		}
		dev, err := tapNumber(name)
		if err != nil {
			return err
		}
		node := filepath.Join(m.Dir, "tap")
		if err := unix.Mknod(node, unix.S_IFCHR|0o600, int(dev)); err != nil {
			return fmt.Errorf("make node of %s: %w", name, err)
		}
		fd, err := unix.Open(node, unix.O_RDWR|unix.O_CLOEXEC, 0)
		if err := errors.Join(err, os.Remove(node)); err != nil {
			return fmt.Errorf("open node of %s: %w", name, err)
		}
		m.hold(Holder{Kind: "tun", FD: &fd, Device: name})
		return nil
	})
}

// addMacvtap makes a macvtap device in the calling thread's namespace, upon one end of
// a veth pair.
func addMacvtap(name string) error {
	self, err := openNS()
	if err != nil {
		return err
	}
	defer unix.Close(self)
	nl, err := openRoute()
	if err != nil {
		return err
	}
	defer nl.close()
	if err = nl.addVeth("nslower", "nsother", self); err == nil {
		err = nl.addAbove("macvtap", name, "nslower")
	}
	if errors.Is(err, unix.EOPNOTSUPP) {
		return fmt.Errorf("veth and macvtap devices: %w", errMissing)
	}
	return err
}

// tapNumber returns the number of the character device of a macvtap device in the calling
// thread's namespace, whose sysfs has it.
func tapNumber(name string) (uint64, error) {
	device, err := net.InterfaceByName(name)
	if err != nil {
		return 0, fmt.Errorf("find device %s: %w", name, err)
	}
	sys, err := mountSysfs()
	if err != nil {
		return 0, err
	}
	defer unix.Close(sys)
	fd, err := unix.Openat(sys, fmt.Sprintf("class/net/%s/tap%d/dev", name, device.Index), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("open number of %s: %w", name, err)
	}
	file := os.NewFile(uintptr(fd), "dev")
	defer file.Close()
	text, err := io.ReadAll(file)
	if err != nil {
		return 0, fmt.Errorf("read number of %s: %w", name, err)
	}
	major, minor, _ := strings.Cut(strings.TrimSpace(string(text)), ":")
	a, errA := strconv.ParseUint(major, 10, 32)
	b, errB := strconv.ParseUint(minor, 10, 32)
	return unix.Mkdev(uint32(a), uint32(b)), errors.Join(errA, errB)
}

// mountSysfs returns a detached mount of the sysfs of the calling thread's namespace.
func mountSysfs() (int, error) {
	context, err := unix.Fsopen("sysfs", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, fmt.Errorf("open sysfs: %w", err)
	}
	defer unix.Close(context)
	if err := unix.FsconfigCreate(context); err != nil {
		return -1, fmt.Errorf("create sysfs: %w", err)
	}
	fd, err := unix.Fsmount(context, unix.FSMOUNT_CLOEXEC, 0)
	return fd, os.NewSyscallError("mount sysfs", err)
}
