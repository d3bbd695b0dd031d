// SPDX-License-Identifier: Apache-2.0

package nstest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func checkSocket(family, typ int) func(*testing.T, *Scene) {
	return func(t *testing.T, s *Scene) {
		h := s.Holders[0]
		if got, want := linkOf(t, h), fmt.Sprintf("socket:[%d]", h.Inode); got != want {
			t.Errorf("link is %q, want %q", got, want)
		}
		fd := steal(t, h.PID, *h.FD)
		checkNS(t, "from socket", socketNS(t, fd), s.Namespace)
		if got, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN); got != family {
			t.Errorf("family is %d, want %d (%v)", got, family, err)
		}
		if got, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE); got != typ {
			t.Errorf("type is %d, want %d (%v)", got, typ, err)
		}
		got, err := unix.GetsockoptUint64(fd, unix.SOL_SOCKET, unix.SO_NETNS_COOKIE)
		if err == nil && got != s.Cookie {
			t.Errorf("cookie is %d, want %d", got, s.Cookie)
		}
	}
}

// accept takes the connection that waits at a stolen listener.
func accept(t *testing.T, h Holder) int {
	fd, _, err := unix.Accept4(steal(t, h.PID, *h.FD), unix.SOCK_CLOEXEC)
	if err != nil {
		t.Fatalf("accept connection: %v", err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

func checkSocketUnaccepted(t *testing.T, s *Scene) {
	h := s.Holders[0]
	if ns := socketNS(t, steal(t, h.PID, *h.FD)); inode(t, "/proc/self/fd/%d", ns) == s.Inode {
		t.Error("the listener is in the namespace")
	}
	checkNS(t, "from connection", socketNS(t, accept(t, h)), s.Namespace)
}

func checkTun(t *testing.T, s *Scene) {
	h := s.Holders[0]
	if link := linkOf(t, h); link != "/dev/net/tun" {
		t.Errorf("link is %q", link)
	}
	if got := fdinfo(t, h, "iff"); got != h.Device {
		t.Errorf("fdinfo names device %q, want %q", got, h.Device)
	}
	fd := steal(t, h.PID, *h.FD)
	checkNS(t, "from tun file", socketNS(t, fd), s.Namespace)
	if h.Device == "" {
		return
	}
	dev, err := unix.IoctlRetInt(fd, unix.TUNGETDEVNETNS)
	if err != nil {
		t.Fatalf("ask for the device's namespace: %v", err)
	}
	defer unix.Close(dev)
	if got := inode(t, "/proc/self/fd/%d", dev); got != s.Links[0].NetNS {
		t.Errorf("device is in %d, want %d", got, s.Links[0].NetNS)
	}
	if moved := s.Links[0].NetNS != s.Inode; moved != (s.Scene == TunMoved) {
		t.Errorf("device moved: %t", moved)
	}
}

// checkMacvtap checks the device: no system call shows the namespace.
func checkMacvtap(t *testing.T, s *Scene) {
	h := s.Holders[0]
	ifr, err := unix.NewIfreq("")
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlIfreq(steal(t, h.PID, *h.FD), unix.TUNGETIFF, ifr); err != nil || ifr.Name() != h.Device {
		t.Errorf("file is of device %q, want %q (%v)", ifr.Name(), h.Device, err)
	}
}

func checkMmap(t *testing.T, s *Scene) {
	h := s.Holders[0]
	maps, _ := os.ReadFile(fmt.Sprintf("/proc/%d/maps", h.PID))
	socket := fmt.Sprintf("socket:[%d]", h.Inode)
	ok := slices.ContainsFunc(strings.Split(string(maps), "\n"), func(line string) bool {
		return strings.HasPrefix(line, fmt.Sprintf("%x-", h.Addr)) && strings.HasSuffix(line, socket)
	})
	if !ok {
		t.Errorf("no %s at %x in %s", socket, h.Addr, maps)
	}
	fds, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", h.PID))
	for _, fd := range fds {
		link, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", h.PID, fd.Name()))
		if link == socket {
			t.Errorf("fd %s is still open", fd.Name())
		}
	}
}

func checkInflight(t *testing.T, s *Scene) {
	h := s.Holders[0]
	var fd int
	if s.Scene == InflightUnaccepted {
		fd = peek(t, accept(t, h))
	} else {
		if got := fdinfo(t, h, "scm_fds"); got != "1" {
			t.Errorf("fdinfo counts %q descriptors in flight, want 1", got)
		}
		fd = peek(t, steal(t, h.PID, *h.FD))
	}
	switch s.Scene {
	case InflightSocket:
		fd = socketNS(t, fd)
	case InflightNested:
		fd = peek(t, fd)
	}
	checkNS(t, "in flight", fd, s.Namespace)
}

func checkIOURing(t *testing.T, s *Scene) {
	h := s.Holders[0]
	if link := linkOf(t, h); link != "anon_inode:[io_uring]" {
		t.Errorf("link is %q", link)
	}
	if got := fdinfo(t, h, "UserFiles"); got != "1" {
		t.Errorf("io_uring has %q files, want 1", got)
	}
}

// checkNoFD checks that the process has no descriptor that leads there, and of an io_uring only
// where one polls.
func checkNoFD(t *testing.T, s *Scene) {
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.Holders[0].PID))
	if err != nil {
		t.Error(err)
	}
	for _, fd := range fds {
		link, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", s.Holders[0].PID, fd.Name()))
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // closed meanwhile
			t.Error(err)
		}
		if strings.HasPrefix(link, "socket:") || strings.HasPrefix(link, "net:") || strings.HasSuffix(link, "io_uring]") && s.Scene != IOURingPoll {
			t.Errorf("fd %s is %s", fd.Name(), link)
		}
	}
}

// checkSender checks that the datagram is there.
func checkSender(t *testing.T, s *Scene) {
	h := s.Holders[0]
	buf := make([]byte, 2)
	n, _, err := unix.Recvfrom(steal(t, h.PID, *h.FD), buf, unix.MSG_PEEK|unix.MSG_DONTWAIT)
	if err != nil || n != 1 {
		t.Errorf("read %d bytes, want 1: %v", n, err)
	}
}

func checkProcNet(t *testing.T, s *Scene) {
	h := s.Holders[0]
	if link := linkOf(t, h); !strings.HasSuffix(link, "/net/dev") {
		t.Errorf("link is %q", link)
	}
	text := make([]byte, 4096)
	n, err := unix.Pread(steal(t, h.PID, *h.FD), text, 0)
	// Two lines of heading and, in a new namespace, one device. Tunnel drivers
	// may have given it more.
	if err != nil || !strings.Contains(string(text[:n]), "lo:") {
		t.Errorf("read %q: %v", text[:n], err)
	}
}

func checkWatch(t *testing.T, s *Scene) {
	h := s.Holders[0]
	if got, want := fdinfo(t, h, h.Via+" ino"), fmt.Sprintf("%x ", s.Inode); !strings.HasPrefix(got, want) {
		if got = fdinfo(t, h, h.Via+" wd"); !strings.Contains(got, " ino:"+want) {
			t.Errorf("it watches %q, want inode %s", got, want)
		}
	}
}

func checkVeth(t *testing.T, s *Scene) {
	for i, tr := range []*Truth{&s.Truth, s.Peer} {
		h := tr.Holders[0]
		want := s.Links[i]
		err := onThread(func() error {
			fd := steal(t, h.PID, *h.FD)
			if err := unix.Setns(fd, unix.CLONE_NEWNET); err != nil {
				return err
			}
			m := maker{}
			if err := m.link(want.Name, tr.Inode); err != nil {
				return err
			}
			if m.truth.Links[0] != want {
				return errors.New("not the link it names")
			}
			return nil
		})
		if err != nil {
			t.Errorf("find %s: %v", want.Name, err)
		}
	}
}

// checkPeer checks that what the socket was connected to is closed: to send frees it.
func checkPeer(t *testing.T, s *Scene) {
	h := s.Holders[0]
	if _, err := unix.Write(steal(t, h.PID, *h.FD), []byte("x")); !errors.Is(err, unix.ECONNREFUSED) {
		t.Errorf("send to the peer: %v, want %v", err, unix.ECONNREFUSED)
	}
}
