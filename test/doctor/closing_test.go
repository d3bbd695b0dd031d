// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package doctor

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/nstest"
	"github.com/nsinspect/nsinspect/internal/testlock"
	"github.com/nsinspect/nsinspect/pkg/doctor"
)

// A TCP connection whose process has ended keeps its namespace until its peer has
// answered, for minutes if that is gone. It looks like a leak in the kernel, and is
// not called one.
func TestClosingConnection(t *testing.T) {
	need.Root(t)
	testlock.Shared(t)
	need.Program(t, "ip")
	link := fmt.Sprintf("nsd%d", os.Getpid())
	made := make(chan uint64)
	left := make(chan error)
	onThread(func() { // in a namespace that ends with its thread, but for the connection
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			t.Error(err)
		}
		shell(t, fmt.Sprintf("ip link add name eth0 type veth peer name %s netns %d; ip address add %s/%d dev eth0; ip link set eth0 up",
			link, os.Getpid(), nstest.Addr(2), nstest.AddrBits))
		var st unix.Stat_t
		if err := unix.Stat("/proc/thread-self/ns/net", &st); err != nil {
			t.Error(err)
		}
		made <- st.Ino
		<-made // the link is up, and somebody listens
		left <- leaveConnection(link)
	})
	inode := <-made
	t.Cleanup(func() { // the peer answers, and all ends
		shell(t, "if ip link set "+link+" up; then sleep 0; fi")
		until(t, "the namespace to end", func() bool {
			_, err := net.InterfaceByName(link)
			return err != nil
		})
	})
	shell(t, fmt.Sprintf("ip address add %s/%d dev %s; ip link set %[3]s up", nstest.Addr(1), nstest.AddrBits, link))
	l, err := net.Listen("tcp", netip.AddrPortFrom(nstest.Addr(1), 7).String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	made <- 0
	if err := <-left; err != nil {
		t.Fatal(err)
	}
	p := newPatient(t)
	p.inodes = append(p.inodes, inode)
	// What is left of its thread goes a moment later, and what a scan of others has open.
	var f doctor.Finding
	until(t, "nothing to hold it but the connection", func() bool {
		r := p.inspect(t)
		if strings.Join(checks(r), " ") != "kernel-only" {
			return false
		}
		f = r.Findings[0]
		return strings.Contains(f.Meaning, "freed when they have closed")
	})
	if f.Severity != doctor.Unknown || !strings.Contains(strings.Join(f.Evidence, "\n"), "still closing") {
		t.Errorf("finding %+v, want it unknown since a connection is closing", f)
	}
}

// onThread starts f on a thread that ends with it and is not the process's first.
func onThread(f func()) {
	started := make(chan bool)
	go func() {
		runtime.LockOSThread() // for good
		if unix.Gettid() == os.Getpid() {
			onThread(f) // while this one is taken
			runtime.UnlockOSThread()
			started <- true
			return
		}
		started <- true
		f()
	}()
	<-started
}

// leaveConnection connects, takes the peer away and closes what is not sent yet.
func leaveConnection(link string) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := unix.Connect(fd, &unix.SockaddrInet4{Port: 7, Addr: nstest.Addr(1).As4()}); err != nil {
		return err
	}
	down := make(chan error) // by a thread that is in the host's namespace
	go func() { down <- setDown(link) }()
	if err := <-down; err != nil {
		return err
	}
	_, err = unix.Write(fd, []byte("never read"))
	return err
}

func setDown(link string) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	req, err := unix.NewIfreq(link)
	if err != nil {
		return err
	}
	req.SetUint16(0) // not IFF_UP
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, req)
}
