// SPDX-License-Identifier: Apache-2.0

package nstest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// entries finds whatever /proc shows of a namespace, one word each: tasks in
// it, open files of it in every fd table, mounts of it in every mount namespace
// that a process is in. It is slow, simple, and no part of the scanner.
func entries(ns Namespace) []string {
	found, seen := map[string]bool{}, map[string]bool{}
	link := fmt.Sprintf("%s:[%d]", ns.Type, ns.Inode)
	tasks, _ := filepath.Glob("/proc/[0-9]*/task/[0-9]*")
	for _, task := range tasks {
		parts := strings.Split(task, "/")
		pid, tid := parts[2], parts[4]
		if l, err := os.Readlink(task + "/ns/" + ns.Type); err == nil && l == link {
			found[fmt.Sprintf("task %s/%s", pid, tid)] = true
		}
		if pid == tid || !sameFiles(pid, tid) {
			for _, fd := range filesOf(task, ns) {
				found[fmt.Sprintf("fd %s/%s/%s", pid, tid, fd)] = true
			}
		}
		// One task that may be asked for each mount namespace will do.
		mnt, err := os.Readlink(task + "/ns/mnt")
		if err != nil || seen[mnt] {
			continue
		}
		mounts, err := readMountsOf(task + "/mountinfo")
		seen[mnt] = err == nil
		for _, m := range mounts {
			if m.root == link {
				found[fmt.Sprintf("mount %s %d %s", mnt, m.id, m.path)] = true
			}
		}
	}
	var list []string
	for what := range found {
		list = append(list, what)
	}
	slices.Sort(list)
	return list
}

// sameFiles reports whether two tasks share one fd table.
func sameFiles(a, b string) bool {
	x, _ := strconv.Atoi(a)
	y, _ := strconv.Atoi(b)
	const kcmpFiles = 2 // KCMP_FILES of linux/kcmp.h
	order, _, errno := unix.Syscall6(unix.SYS_KCMP, uintptr(x), uintptr(y), kcmpFiles, 0, 0, 0)
	return errno == 0 && order == 0
}

func filesOf(task string, ns Namespace) []string {
	var list []string
	fds, _ := os.ReadDir(task + "/fd")
	for _, fd := range fds {
		var st unix.Stat_t
		if unix.Stat(task+"/fd/"+fd.Name(), &st) == nil && st.Dev == ns.Dev && st.Ino == ns.Inode {
			list = append(list, fd.Name())
		}
	}
	return list
}

// expected returns, in the words of entries, what a truth has /proc show.
func expected(tr *Truth) []string {
	list := []string{}
	for _, h := range tr.Holders {
		switch {
		case h.Kind == "process":
			tasks, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", h.PID))
			for _, task := range tasks {
				list = append(list, fmt.Sprintf("task %d/%s", h.PID, task.Name()))
			}
		case h.Kind == "thread":
			list = append(list, fmt.Sprintf("task %d/%d", h.PID, h.TID))
		case h.Kind == "fd" && h.TID != 0:
			list = append(list, fmt.Sprintf("fd %d/%d/%d", h.PID, h.TID, *h.FD))
		case h.Kind == "fd":
			list = append(list, fmt.Sprintf("fd %d/%d/%d", h.PID, h.PID, *h.FD))
		case h.Kind == "mount" && h.Pin == nil:
			list = append(list, fmt.Sprintf("mount mnt:[%d] %d %s", h.MountNS, h.MountID, h.Path))
		}
	}
	slices.Sort(list)
	return list
}

// checkExclusive checks that /proc shows the truth and nothing else. Another
// program that just made a mount namespace has copies of mounts for a moment.
func checkExclusive(t *testing.T, tr *Truth) {
	t.Helper()
	err := poll(10*time.Second, func() error {
		if got, want := entries(tr.Namespace), expected(tr); !slices.Equal(got, want) {
			return fmt.Errorf("/proc shows %q, want %q", got, want)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// openByHandle opens a namespace that no file need reach (Linux 6.18). It
// returns ESTALE for one that is gone, and EBADF where the kernel cannot do so.
func openByHandle(ns Namespace) (int, error) {
	handle := binary.NativeEndian.AppendUint64(nil, ns.Cookie)
	handle = binary.NativeEndian.AppendUint32(handle, unix.CLONE_NEWNET)
	handle = binary.NativeEndian.AppendUint32(handle, uint32(ns.Inode))
	return unix.OpenByHandleAt(unix.FD_NSFS_ROOT, unix.NewFileHandle(0xf1, handle), unix.O_RDONLY|unix.O_CLOEXEC)
}

// handlesShow reports whether a handle opens every live namespace. From Linux
// 6.19 on, which has listns, it does not open those that only sockets and their
// like hold.
func handlesShow() bool {
	_, _, errno := unix.Syscall6(unix.SYS_LISTNS, 0, 0, 0, 0, 0, 0)
	return errno == unix.ENOSYS
}

// checkAlive checks that the namespace exists, with that inode and cookie.
func checkAlive(t *testing.T, ns Namespace) {
	t.Helper()
	ids, err := listNSIDs()
	if err != nil || !ids[ns.NSID] {
		t.Errorf("ID %d of net:[%d] is not listed: %v", ns.NSID, ns.Inode, err)
	}
	fd, err := openByHandle(ns)
	if errors.Is(err, unix.EBADF) || errors.Is(err, unix.EOPNOTSUPP) {
		return
	}
	if errors.Is(err, unix.ESTALE) && !handlesShow() {
		return
	}
	if err != nil {
		t.Errorf("open net:[%d] by handle: %v", ns.Inode, err)
		return
	}
	defer unix.Close(fd)
	checkNS(t, "by handle", fd, ns)
	id, err := ioctlUint64(fd, unix.NS_GET_ID)
	if err == nil && id != ns.Cookie {
		t.Errorf("NS_GET_ID gives %d, cookie is %d", id, ns.Cookie)
	}
}

// checkGone checks that the namespace is freed.
func checkGone(t *testing.T, ns Namespace) {
	t.Helper()
	ids, err := listNSIDs()
	if err != nil || ids[ns.NSID] {
		t.Errorf("ID %d of net:[%d] is still listed: %v", ns.NSID, ns.Inode, err)
	}
	fd, err := openByHandle(ns)
	if errors.Is(err, unix.EBADF) || errors.Is(err, unix.EOPNOTSUPP) {
		return
	}
	if !errors.Is(err, unix.ESTALE) {
		t.Errorf("open net:[%d] by handle: got %v, want ESTALE", ns.Inode, err)
		unix.Close(fd)
	}
}

// checkNS checks that fd is the namespace's own file.
func checkNS(t *testing.T, how string, fd int, ns Namespace) {
	t.Helper()
	got, err := statNS("net", fd)
	if err != nil || got.Dev != ns.Dev || got.Inode != ns.Inode {
		t.Errorf("%s: opened device %d inode %d, want %d %d (%v)", how, got.Dev, got.Inode, ns.Dev, ns.Inode, err)
	}
}

// steal copies a descriptor of another process into this one.
func steal(t *testing.T, pid, fd int) int {
	t.Helper()
	p, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		t.Fatalf("open pidfd: %v", err)
	}
	defer unix.Close(p)
	got, err := unix.PidfdGetfd(p, fd, 0)
	if err != nil {
		t.Fatalf("get fd %d of %d: %v", fd, pid, err)
	}
	t.Cleanup(func() { unix.Close(got) })
	return got
}

// peek copies the first descriptor that waits in a unix socket.
func peek(t *testing.T, socket int) int {
	t.Helper()
	buf, oob := make([]byte, 1), make([]byte, 64)
	_, n, _, _, err := unix.Recvmsg(socket, buf, oob, unix.MSG_PEEK|unix.MSG_CMSG_CLOEXEC|unix.MSG_DONTWAIT)
	if err != nil {
		t.Fatalf("peek into socket: %v", err)
	}
	msgs, err := unix.ParseSocketControlMessage(oob[:n])
	if err != nil || len(msgs) != 1 {
		t.Fatalf("parse %d control messages: %v", len(msgs), err)
	}
	fds, err := unix.ParseUnixRights(&msgs[0])
	if err != nil || len(fds) != 1 {
		t.Fatalf("parse %d descriptors: %v", len(fds), err)
	}
	t.Cleanup(func() { unix.Close(fds[0]) })
	return fds[0]
}

// socketNS opens the namespace of a socket or tun file.
func socketNS(t *testing.T, fd int) int {
	t.Helper()
	ns, err := unix.IoctlRetInt(fd, unix.SIOCGSKNS)
	if err != nil {
		t.Fatalf("ask socket for its namespace: %v", err)
	}
	t.Cleanup(func() { unix.Close(ns) })
	return ns
}

// fdinfo returns a field of /proc/PID/fdinfo/FD.
func fdinfo(t *testing.T, h Holder, field string) string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/fdinfo/%d", h.PID, *h.FD))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, field+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// linkOf returns the text of an fd's link in /proc.
func linkOf(t *testing.T, h Holder) string {
	t.Helper()
	link, err := os.Readlink("/proc/" + strconv.Itoa(h.PID) + "/fd/" + strconv.Itoa(*h.FD))
	if err != nil {
		t.Error(err)
	}
	return link
}
