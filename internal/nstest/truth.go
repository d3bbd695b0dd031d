// SPDX-License-Identifier: Apache-2.0

package nstest

// Namespace is one namespace as it was when it was created, from its nsfs
// file and from a socket in it. Nothing here comes from the scanner.
type Namespace struct {
	Type   string `json:"type"`  // "net"
	Dev    uint64 `json:"dev"`   // st_dev of its nsfs file
	Inode  uint64 `json:"inode"` // st_ino of its nsfs file
	Cookie uint64 `json:"cookie,omitempty"`
	// NSID is its ID in the network namespace of the process that made it, as
	// `ip netns set` gives one. It holds nothing and shows when the namespace
	// has left the kernel's list.
	NSID int32 `json:"nsid"`
}

// Holder is one reason a namespace is alive. The fields mean what they mean in
// nsinspect's own output; those that do not apply are zero.
type Holder struct {
	Kind    string `json:"kind"` // process, thread, fd, mount, socket, tun, mmap, inflight, kernel
	PID     int    `json:"pid,omitempty"`
	TID     int    `json:"tid,omitempty"` // for thread, and for an fd in a thread's own table
	FD      *int   `json:"fd,omitempty"`  // the descriptor; for inflight, of the socket it waits in
	Comm    string `json:"comm,omitempty"`
	Path    string `json:"path,omitempty"`     // a mount's mount point, as seen in its mount namespace
	MountNS uint64 `json:"mountns,omitempty"`  // inode of the mount namespace it is in
	MountID int    `json:"mount_id,omitempty"` // field 1 of mountinfo
	Family  string `json:"family,omitempty"`   // inet, inet6, packet, netlink, unix
	Type    string `json:"type,omitempty"`     // stream, dgram, seqpacket, raw
	Device  string `json:"device,omitempty"`
	Inode   uint64 `json:"inode,omitempty"` // of the socket that holds
	Addr    uint64 `json:"addr,omitempty"`  // where a packet ring is mapped
	// Pin is what keeps the mount namespace of a mount alive where no process
	// does: an fd, or a mount of it.
	Pin *Holder `json:"pin,omitempty"`
	// Via is what stands between PID and the reference: the inner socket of a
	// nested one in flight, a connection not yet accepted; for kernel, what the
	// fd leads to; for a mount in no mount namespace, why it is not.
	Via string `json:"via,omitempty"`
}

// Link is a network device that a scene made.
type Link struct {
	Name  string `json:"name"`
	Index int    `json:"index"`
	NetNS uint64 `json:"netns"` // inode of the namespace it is in
}

// Truth returns what a scene made.
type Truth struct {
	Scene Kind `json:"scene"`
	Child int  `json:"child,omitempty"` // PID of the process that made it and ends it
	Namespace
	Holders []Holder `json:"holders"`         // every one there is
	Links   []Link   `json:"links,omitempty"` // devices, which hold nothing
	Peer    *Truth   `json:"peer,omitempty"`  // a second namespace, where a scene needs one
}

// all returns the namespaces of a truth, its own first.
func (t *Truth) all() []Namespace {
	list := []Namespace{t.Namespace}
	if t.Peer != nil {
		list = append(list, t.Peer.all()...)
	}
	return list
}
