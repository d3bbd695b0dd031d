// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"errors"
	"path"
	"strconv"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// identifier is what identifying many namespaces shares.
type identifier struct {
	host    *Host
	mountNS uint64          // where the mounts are whose paths the host's root leads to
	ids     *netlink.Handle // nil if the kernel refuses one
	guest   Visitor
}

func newIdentifier(h *Host, nsids bool) *identifier {
	d := &identifier{host: h, mountNS: h.MountNamespace(h.MountTask())}
	if nsids {
		if h, err := netlink.NewHandle(unix.NETLINK_ROUTE); err == nil { // if not, no nsid is known
			d.ids = h
		}
	}
	return d
}

func (d *identifier) close() {
	if d.ids != nil {
		d.ids.Close()
	}
	d.guest.End()
}

// read asks an open namespace what is not known of it yet.
func (d *identifier) read(n *Namespace, fd int) {
	if n.Type == Net {
		if n.Cookie == 0 {
			n.Cookie = namespaceID(fd)
		}
		if n.Cookie == 0 {
			n.Cookie = d.guest.cookie(fd) // before Linux 6.18
		}
		n.NSID = d.nsid(fd)
	}
	if n.UserNS == 0 {
		n.UserNS, n.OwnerUID = ownerOf(n.Type, fd)
	}
}

// nsid returns the ID of a network namespace in this process's own. Asking needs
// no capability (net/core/net_namespace.c, rtnl_net_getid, 6.18) and gives none
// to a namespace that has none.
func (d *identifier) nsid(fd int) *int {
	if d.ids == nil {
		return nil
	}
	id, err := d.ids.GetNetNsIdByFd(fd)
	if err != nil || id < 0 {
		return nil
	}
	return &id
}

// open opens a namespace's file. It returns errNoPath if nothing leads to it, and
// what refused where something does.
func (d *identifier) open(n *Namespace) (int, error) {
	const patience = 8 // a thousand processes that have all just ended need not all be tried
	var tried [numKinds]int
	refused := errNoPath
	for i := range n.Holders {
		h := &n.Holders[i]
		if tried[h.Kind] == patience {
			continue
		}
		tried[h.Kind]++
		fd, err := d.openHolder(n.Type, h)
		if err == nil {
			var file int
			file, err = verify(n, fd)
			unix.Close(fd)
			if err == nil {
				return file, nil
			}
		}
		if err == unix.EACCES || err == unix.EPERM {
			refused = err
		}
	}
	fd, err := d.openByID(n)
	switch err {
	case nil:
		return fd, nil
	case unix.ESTALE:
		return -1, ErrEnded
	}
	return -1, refused
}

// verify opens what fd, O_PATH, is of for reading if that is the namespace: PIDs
// and descriptors are reused, and so are inodes, which a cookie tells apart from
// Linux 6.18 on. A file that is none of nsfs, which might block or do something
// when it is opened, is left alone.
func verify(n *Namespace, fd int) (int, error) {
	file, err := openNamespace(fd)
	if err != nil {
		return -1, err
	}
	t, inode, err := readNamespace(file)
	if err == nil && (t != n.Type || inode != n.Inode) {
		err = errNotIt
	}
	if id := namespaceID(file); err == nil && t == Net && n.Cookie != 0 && id != 0 && id != n.Cookie {
		err = errNotIt
	}
	if err != nil {
		unix.Close(file)
		return -1, err
	}
	return file, nil
}

var (
	errNoPath = errors.New("no path leads to it")
	errNotIt  = errors.New("it is another namespace by now")

	// ErrEnded says that a namespace is no more.
	ErrEnded = errors.New("it has ended")
)

// openHolder opens, with O_PATH, the file by which a holder holds.
func (d *identifier) openHolder(t Type, h *Holder) (int, error) {
	link := t.Links()[0]
	if h.Via != "" {
		link = h.Via
	}
	pid := strconv.Itoa(h.PID)
	var name string
	switch {
	case h.Kind == KindMount:
		return d.openMount(h)
	case h.PID == 0:
		return -1, errNoPath // out of our PID namespace's sight
	case h.Kind == KindProcess:
		name = path.Join(pid, "ns", link)
	case h.Kind == KindThread:
		name = path.Join(pid, "task", strconv.Itoa(h.TID), "ns", link)
	case h.Kind == KindFD && h.Via == "":
		name = openFile{tid: h.TID, fd: h.FD}.path(h.PID)[len("/proc/"):]
	default:
		return -1, errNoPath
	}
	return d.host.openProc(name, unix.O_PATH)
}

// openMount opens what is mounted on a path of the host, or of a process that is
// in another mount namespace. The way there may lead over a file server that
// does not answer: RESOLVE_CACHED (since 5.12) never waits for one, and what keeps
// a mount point keeps its path in the kernel's cache. Before that, the path is
// not tried.
func (d *identifier) openMount(h *Holder) (int, error) {
	if h.Covered || h.Path == "" {
		return -1, errNoPath
	}
	root := d.host.rootFD
	if h.MountNS != 0 && h.MountNS != d.mountNS {
		if h.PID == 0 {
			return -1, errNoPath
		}
		fd, err := d.host.openProc(strconv.Itoa(h.PID)+"/root", unix.O_PATH|unix.O_DIRECTORY)
		if err != nil {
			return -1, err
		}
		defer unix.Close(fd)
		root = fd
	}
	const resolveCached = 0x20 // include/uapi/linux/openat2.h, RESOLVE_CACHED
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | resolveCached}
	for range 8 { // EAGAIN is also what a mount or rename gives that is made meanwhile
		fd, err := unix.Openat2(root, h.Path, &how)
		if err != unix.EAGAIN && err != unix.EINTR {
			return fd, err
		}
	}
	return -1, unix.EAGAIN
}

// openByID opens a network namespace that no path leads to by its cookie. It
// needs Linux 6.18 and CAP_SYS_ADMIN over the namespace (fs/nsfs.c,
// nsfs_fh_to_dentry).
func (d *identifier) openByID(n *Namespace) (int, error) {
	if n.Type != Net || n.Cookie == 0 || !d.host.procfs {
		return -1, errNoPath
	}
	return openNamespaceHandle(n.Cookie, uint32(Net.Flag()), uint32(n.Inode))
}
