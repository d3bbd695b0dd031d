// SPDX-License-Identifier: Apache-2.0

// Package opener opens the namespaces of a snapshot by the files of their holders, and
// reads from them what the scan did not.
package opener

import (
	"errors"
	"path"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/kernel"
	"github.com/nsinspect/nsinspect/internal/nsfs"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// Opener opens and identifies the namespaces of a snapshot by their holders' files.
// Open may be called by several goroutines at once, as long as the host is open;
// Identify is for one at a time.
type Opener struct {
	host    *host.Host
	mountNS uint64          // where the mounts are whose paths the host's root leads to
	ids     *netlink.Handle // nil if the kernel refuses one
	thread  nsfs.Thread
}

// New returns an opener for namespaces that were found on a host; with nsids one
// that reads the IDs of network namespaces in this process's own, too.
func New(h *host.Host, nsids bool) *Opener {
	o := &Opener{host: h, mountNS: h.MountNamespace(h.MountTask())}
	if nsids {
		if h, err := netlink.NewHandle(unix.NETLINK_ROUTE); err == nil { // if not, no nsid is known
			o.ids = h
		}
	}
	return o
}

// Close releases what identifying needs.
func (o *Opener) Close() {
	if o.ids != nil {
		o.ids.Close()
	}
	o.thread.Close()
}

// Identify fills in what is not known yet of a namespace, from its open file.
func (o *Opener) Identify(n *ns.Namespace, fd int) {
	if n.Type == ns.Net {
		if n.Cookie == 0 {
			n.Cookie = nsfs.ID(fd)
		}
		if n.Cookie == 0 {
			n.Cookie = o.thread.Cookie(fd) // before Linux 6.18
		}
		n.NSID = o.nsid(fd)
	}
	if n.UserNS == 0 {
		n.UserNS, n.OwnerUID = nsfs.Owner(n.Type, fd)
	}
	if n.Parent == 0 && (n.Type == ns.User || n.Type == ns.PID) {
		n.Parent = nsfs.Parent(fd)
	}
}

// nsid returns the ID of a network namespace in this process's own. Asking needs
// no capability (net/core/net_namespace.c, rtnl_net_getid, 6.18) and gives none
// to a namespace that has none.
func (o *Opener) nsid(fd int) *int {
	if o.ids == nil {
		return nil
	}
	id, err := o.ids.GetNetNsIdByFd(fd)
	if err != nil || id < 0 {
		return nil
	}
	return &id
}

// Open returns a descriptor of a namespace's file, opened for reading and closed
// on exec. It is of that namespace and no other that has its inode by now, as
// far as the kernel shows before it is entered: from Linux 6.18 on by the cookie,
// if n has one, before that by the inode alone. Holders' files are tried first,
// as those of another user's processes need CAP_SYS_PTRACE; from 6.18 on a
// network namespace that no path leads to is opened by its cookie, which needs
// CAP_SYS_ADMIN over it. It never blocks. It returns ErrNoPath if nothing leads to
// the namespace, the refusal where something does, and a lack of descriptors or memory as
// that.
func (o *Opener) Open(n *ns.Namespace) (int, error) {
	const patience = 8 // a thousand processes that have all just ended need not all be tried
	var tried [ns.NumKinds]int
	refused := ErrNoPath
	for i := range n.Holders {
		h := &n.Holders[i]
		if tried[h.Kind] == patience {
			continue
		}
		tried[h.Kind]++
		fd, err := o.openHolder(n.Type, h)
		if err == nil {
			var file int
			file, err = verify(n, fd)
			unix.Close(fd)
			if err == nil {
				return file, nil
			}
		}
		if kernel.IsLack(err) {
			return -1, err
		}
		if err == unix.EACCES || err == unix.EPERM {
			refused = err
		}
	}
	fd, err := o.openByID(n)
	switch {
	case err == nil:
		return fd, nil
	case err == unix.ESTALE:
		return -1, ErrEnded
	case kernel.IsLack(err):
		return -1, err
	}
	return -1, refused
}

// verify opens what fd, O_PATH, is of for reading if that is the namespace: PIDs
// and descriptors are reused, and so are inodes, which a cookie distinguishes from
// Linux 6.18 on. A file that is none of nsfs, which might block or do something
// when it is opened, is left alone.
func verify(n *ns.Namespace, fd int) (int, error) {
	file, err := nsfs.Reopen(fd)
	if err != nil {
		return -1, err
	}
	t, inode, err := nsfs.Read(file)
	if err == nil && (t != n.Type || inode != n.Inode) {
		err = errNotIt
	}
	if id := nsfs.ID(file); err == nil && t == ns.Net && n.Cookie != 0 && id != 0 && id != n.Cookie {
		err = errNotIt
	}
	if err != nil {
		unix.Close(file)
		return -1, err
	}
	return file, nil
}

var (
	errNotIt = errors.New("it is another namespace by now")

	// ErrNoPath is the error for a namespace that no file leads to.
	ErrNoPath = errors.New("no path leads to it")

	// ErrEnded is the error for a namespace that has ended.
	ErrEnded = errors.New("it has ended")
)

// openHolder opens, with O_PATH, the file by which a holder holds.
func (o *Opener) openHolder(t ns.Type, h *ns.Holder) (int, error) {
	pid := h.PID.String()
	var name string
	switch {
	case h.Kind == ns.KindMount:
		return o.openMount(h)
	case h.PID == 0:
		return -1, ErrNoPath // out of our PID namespace's sight
	case h.Kind == ns.KindProcess:
		name = path.Join(pid, "ns", h.Link(t))
	case h.Kind == ns.KindThread:
		name = path.Join(pid, "task", h.TID.String(), "ns", h.Link(t))
	case h.Kind == ns.KindFD && h.Via == ns.NoVia:
		name = host.FDPath(h.PID, h.TID, int(h.FD))[len("/proc/"):]
	default:
		return -1, ErrNoPath
	}
	return o.host.OpenProc(name, unix.O_PATH)
}

// openMount opens what is mounted on a path of the host, or of a process that is
// in another mount namespace. The way there may lead over a file server that
// does not answer: RESOLVE_CACHED (since 5.12) never waits for one, and what keeps
// a mount point keeps its path in the kernel's cache. Before that, the path is
// not tried.
func (o *Opener) openMount(h *ns.Holder) (int, error) {
	if h.Covered || h.Path == "" {
		return -1, ErrNoPath
	}
	root := o.host.RootFD()
	if h.MountNS != 0 && h.MountNS != o.mountNS {
		if h.PID == 0 {
			return -1, ErrNoPath
		}
		fd, err := o.host.OpenProc(h.PID.String()+"/root", unix.O_PATH|unix.O_DIRECTORY)
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
func (o *Opener) openByID(n *ns.Namespace) (int, error) {
	if n.Type != ns.Net || n.Cookie == 0 || o.host.Recorded() {
		return -1, ErrNoPath
	}
	return nsfs.OpenByHandle(n.Cookie, uint32(ns.Net.Flag()), uint32(n.Inode))
}

// OpenAt opens the file that a path of the host leads to, if it is of the namespace.
func (o *Opener) OpenAt(n *ns.Namespace, file string) (int, error) {
	fd, err := o.host.OpenNamespace(file)
	if err != nil {
		return -1, err
	}
	defer unix.Close(fd)
	return verify(n, fd)
}
