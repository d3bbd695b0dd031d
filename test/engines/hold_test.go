// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package engines

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/nstest"
)

// holdPoll leaves a poll of a closed socket with an aio context.
func holdPoll(t *testing.T, fd int) (func(), error) {
	var context uintptr
	err := thread(fd, func() error {
		socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(socket)
		context, err = nstest.PollAIO(socket)
		return err
	})
	return func() {
		if err := nstest.EndAIO(context); err != nil {
			t.Error(err)
		}
	}, err
}

// holdMappedRing leaves a socket in a slot of an io_uring that only a mapping keeps.
func holdMappedRing(t *testing.T, fd int) (func(), error) {
	ring, err := nstest.NewRing()
	if err != nil {
		return nil, err
	}
	defer ring.Close()
	queue, err := ring.Map()
	if err != nil {
		return nil, err
	}
	end := func() {
		if err := unix.Munmap(queue); err != nil {
			t.Errorf("unmap: %v", err)
		}
	}
	return end, thread(fd, func() error {
		socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(socket)
		return ring.Register(socket)
	})
}

// hasMPTCP reports whether the kernel has MPTCP, and lets it be used.
func hasMPTCP() bool {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, unix.IPPROTO_MPTCP)
	if err != nil {
		return false
	}
	unix.Close(fd)
	return true
}

// holdMPTCP leaves both ends of an MPTCP connection open, and the socket that listens: each has
// a subflow with a reference of its own.
func holdMPTCP(_ *testing.T, fd int) (func(), error) {
	var all []int
	err := thread(fd, func() error {
		if err := loopbackUp(); err != nil {
			return err
		}
		listener, client, server, err := connection(unix.IPPROTO_MPTCP)
		if err == nil {
			all = []int{listener, client, server}
		}
		return err
	})
	return func() {
		for _, socket := range all {
			unix.Close(socket)
		}
	}, err
}

// holdWaiting leaves a connection that was not accepted.
func holdWaiting(protocol int) func(*testing.T, int) (func(), error) {
	return func(_ *testing.T, fd int) (func(), error) {
		listener, client := -1, -1
		err := thread(fd, func() (err error) {
			if err := loopbackUp(); err != nil {
				return err
			}
			listener, client, err = connect(protocol)
			return err
		})
		return func() {
			unix.Close(client)
			unix.Close(listener)
		}, err
	}
}

// holdPacket leaves a packet of a closed socket waiting for the address of a neighbour that does
// not answer: it refers to the socket (neigh_resolve_output, net/core/neighbour.c). The other end
// of its device is in a namespace of its own, with which both ends go.
func holdPacket(t *testing.T, fd int) (func(), error) {
	const near, far = "nswaits0", "nswaits1"
	other := -1
	err := thread(fd, func() (err error) { // which leaves that namespace
		if err = unix.Unshare(unix.CLONE_NEWNET); err == nil {
			other, err = unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	end := func() { unix.Close(other) }
	err = thread(fd, func() error {
		if err := nstest.VethPair(near, far, other); err != nil {
			return err
		}
		return linkUp(near, net.IPv4(198, 18, 77, 1))
	})
	if err == nil {
		err = thread(other, func() error { return linkUp(far, nil) })
	}
	if err == nil {
		err = thread(fd, func() error {
			if err := os.WriteFile("/proc/sys/net/ipv4/neigh/"+near+"/mcast_solicit", []byte("600"), 0); err != nil {
				return err
			}
			socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				return err
			}
			defer unix.Close(socket)
			return unix.Sendto(socket, []byte("x"), 0, &unix.SockaddrInet4{Port: 9, Addr: [4]byte{198, 18, 77, 2}})
		})
	}
	return end, err
}

// visible are holders that a scan shows.
var visible = map[string]func(*testing.T, int) (func(), error){
	"fd":      holdFile,
	"mount":   holdBindMount,
	"socket":  inside(func() (int, error) { return unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0) }),
	"netlink": inside(func() (int, error) { return unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0) }),
	"procnet": inside(func() (int, error) {
		return unix.Open("/proc/thread-self/net/tcp", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	}),
	"snmp": inside(func() (int, error) { // single_open_net
		return unix.Open("/proc/thread-self/net/snmp", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	}),
	"fsopen":      inside(func() (int, error) { return unix.Fsopen("sysfs", unix.FSOPEN_CLOEXEC) }),
	"bpf_iter":    inside(openIter(netlinkIter)),
	"inotify":     holdWatch,
	"closing":     holdClosing,
	"process":     holdChild,
	"aio":         holdPoll,
	"datagram":    holdDatagram,
	"mapped ring": holdMappedRing,
}

// hidden are what refers to a namespace and no holder shows, one reference each.
var hidden = map[string]func(*testing.T, int) (func(), error){
	"packet": holdPacket,
}

func holdFile(_ *testing.T, fd int) (func(), error) {
	again, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", fd), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	return func() { unix.Close(again) }, err
}

func holdBindMount(t *testing.T, fd int) (func(), error) {
	at := filepath.Join(t.TempDir(), "name")
	if err := os.WriteFile(at, nil, 0o600); err != nil {
		return nil, err
	}
	if err := unix.Mount(fmt.Sprintf("/proc/self/fd/%d", fd), at, "", unix.MS_BIND, ""); err != nil {
		return nil, fmt.Errorf("mount: %w", err)
	}
	return func() {
		if err := unix.Unmount(at, unix.MNT_DETACH); err != nil {
			t.Errorf("unmount: %v", err)
		}
	}, nil
}

// thread runs f on a thread in the namespace of fd, which then ends.
func thread(fd int, f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and ends
		err := unix.Setns(fd, unix.CLONE_NEWNET)
		if err == nil {
			err = f()
		}
		done <- err
	}()
	return <-done
}

// inside holds with the file that open opens in the namespace.
func inside(open func() (int, error)) func(*testing.T, int) (func(), error) {
	return func(_ *testing.T, fd int) (func(), error) {
		file := -1
		err := thread(fd, func() (err error) {
			file, err = open()
			return err
		})
		return func() { unix.Close(file) }, err
	}
}

func holdChild(t *testing.T, fd int) (func(), error) {
	cmd := exec.Command("sleep", "600")
	err := thread(fd, cmd.Start)
	return func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}, err
}

func holdWatch(_ *testing.T, fd int) (func(), error) {
	watch, err := unix.InotifyInit1(unix.IN_CLOEXEC)
	if err != nil {
		return nil, err
	}
	_, err = unix.InotifyAddWatch(watch, fmt.Sprintf("/proc/self/fd/%d", fd), unix.IN_OPEN)
	return func() { unix.Close(watch) }, err
}

// holdDatagram leaves a datagram unread whose sender is closed.
func holdDatagram(_ *testing.T, fd int) (func(), error) {
	to, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "TestAccount")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	addr := &unix.SockaddrUnix{Name: filepath.Join(dir, "to")}
	if err := unix.Bind(to, addr); err != nil {
		return nil, err
	}
	err = thread(fd, func() error {
		from, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(from)
		return unix.Sendto(from, []byte("x"), 0, addr)
	})
	return func() { unix.Close(to) }, err
}
