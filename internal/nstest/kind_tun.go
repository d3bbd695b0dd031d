// SPDX-License-Identifier: Apache-2.0

package nstest

import (
	"errors"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// openTun opens the tun driver in the calling thread's network namespace, which
// the file then holds, and makes a device there unless name is empty.
func openTun(name string, flags uint16) (int, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENODEV) {
		return -1, fmt.Errorf("open /dev/net/tun: %w", errMissing)
	}
	if err != nil {
		return -1, fmt.Errorf("open /dev/net/tun: %w", err)
	}
	if name == "" {
		return fd, nil
	}
	req, err := unix.NewIfreq(name)
	if err != nil {
		return -1, fmt.Errorf("name device %s: %w", name, err)
	}
	req.SetUint16(flags | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, req); err != nil {
		return -1, fmt.Errorf("make device %s: %w", name, err)
	}
	return fd, nil
}

// holdTun leaves a tun or tap file of the namespace, and its device in there,
// in a process that is elsewhere.
func holdTun(name string, flags uint16) func(*maker) error {
	return func(m *maker) error {
		return m.inNew(func() error {
			fd, err := openTun(name, flags)
			if err != nil {
				return err
			}
			m.hold(Holder{Kind: "tun", FD: &fd, Device: name})
			if name == "" {
				return nil
			}
			return m.link(name, m.truth.Inode)
		})
	}
}

// holdTunMoved moves the device to the namespace of the process: the file holds
// the one it was opened in all the same.
func holdTunMoved(m *maker) error {
	home, err := unix.Open("/proc/self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open own namespace: %w", err)
	}
	defer unix.Close(home)
	ns, err := statNS("net", home)
	if err != nil {
		return err
	}
	name := fmt.Sprintf("nst%d", os.Getpid())
	err = m.inNew(func() error {
		fd, err := openTun(name, unix.IFF_TUN)
		if err != nil {
			return err
		}
		nl, err := openRoute()
		if err != nil {
			return err
		}
		defer nl.close()
		m.hold(Holder{Kind: "tun", FD: &fd, Device: name})
		return nl.moveLink(name, home)
	})
	if err != nil {
		return err
	}
	return m.link(name, ns.Inode)
}

// link adds a device of the calling thread's namespace to the truth.
func (m *maker) link(name string, netns uint64) error {
	dev, err := net.InterfaceByName(name)
	if err != nil {
		return fmt.Errorf("find device %s: %w", name, err)
	}
	m.truth.Links = append(m.truth.Links, Link{name, dev.Index, netns})
	return nil
}
