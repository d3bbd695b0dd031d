// SPDX-License-Identifier: Apache-2.0

package nstest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

const netSelf = "/proc/thread-self/ns/net"

// newNetNS moves the calling thread, which must be locked, to a network
// namespace of its own and reports which. The thread is then its only holder.
// It needs CAP_SYS_ADMIN, and CAP_NET_ADMIN for the ID. In a child that is to hold
// a namespace that is there already, that is the one, and gets no ID.
func newNetNS() (Namespace, error) {
	if beside {
		return enterBeside()
	}
	nl, err := openRoute()
	if err != nil {
		return Namespace{}, err
	}
	defer nl.close()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return Namespace{}, fmt.Errorf("make network namespace: %w", err)
	}
	fd, err := openSelf(unix.O_RDONLY)
	if err != nil {
		return Namespace{}, err
	}
	defer unix.Close(fd)
	ns, err := statNS("net", fd)
	if err != nil {
		return Namespace{}, err
	}
	if ns.Cookie, err = readCookie(); err != nil {
		return Namespace{}, err
	}
	ns.NSID, err = giveNSID(nl, fd)
	return ns, err
}

func enterBeside() (Namespace, error) {
	if err := unix.Setns(besideFD, unix.CLONE_NEWNET); err != nil {
		return Namespace{}, fmt.Errorf("enter network namespace: %w", err)
	}
	return statNS("net", besideFD)
}

// openSelf opens the network namespace of the calling thread.
func openSelf(flags int) (int, error) {
	fd, err := unix.Open(netSelf, flags|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("open own namespace: %w", err)
	}
	return fd, nil
}

// statNS reads the identity of a namespace from its open file.
func statNS(kind string, fd int) (Namespace, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return Namespace{}, fmt.Errorf("stat namespace file: %w", err)
	}
	return Namespace{Type: kind, Dev: st.Dev, Inode: st.Ino}, nil
}

// readCookie returns the cookie of the calling thread's network namespace, or 0
// where the kernel has none to give (before Linux 5.14).
func readCookie() (uint64, error) {
	s, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("open socket for cookie: %w", err)
	}
	defer unix.Close(s)
	cookie, err := unix.GetsockoptUint64(s, unix.SOL_SOCKET, unix.SO_NETNS_COOKIE)
	if errors.Is(err, unix.ENOPROTOOPT) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read namespace cookie: %w", err)
	}
	return cookie, nil
}

// An NSID of ours has bit 30, fourteen bits of the PID of the process that asked
// for the scene, and sixteen of chance: none is given twice in a short time, so
// one that is no longer listed means that its namespace is gone.
const (
	nsidMark = 1 << 30
	nsidMask = nsidMark | 0x3fff<<16
)

func nsidPrefix(pid int) int32 { return int32(nsidMark | pid&0x3fff<<16) }

// giveNSID tags the namespace of fd with an ID of the requesting process.
func giveNSID(nl *route, fd int) (int32, error) {
	var err error
	for range 100 {
		id := nsidPrefix(requester) | rand.Int32N(1<<16)
		if err = nl.setNSID(fd, id); err == nil {
			return id, nil
		}
		if !errors.Is(err, unix.ENOSPC) && !errors.Is(err, unix.EEXIST) {
			break
		}
	}
	return 0, fmt.Errorf("give namespace an ID: %w", err)
}

// listNSIDs lists the IDs given in this process's network namespace.
func listNSIDs() (map[int32]bool, error) {
	nl, err := openRoute()
	if err != nil {
		return nil, err
	}
	defer nl.close()
	return nl.nsids()
}

var goneLimit = 30 * time.Second

// waitGone waits until the namespaces have left the kernel's list. They leave
// it a while after their last holder did: cleanup_net runs from a work queue.
func waitGone(list []Namespace) error {
	return poll(goneLimit, func() error {
		ids, err := listNSIDs()
		if err != nil {
			return err
		}
		for _, ns := range list {
			if ids[ns.NSID] {
				return fmt.Errorf("wait for %s:[%d] to end: something still holds it", ns.Type, ns.Inode)
			}
		}
		return nil
	})
}

// requester is the process that asked for the scenes: this one, or in a child
// the one that started it.
var requester = os.Getpid()
