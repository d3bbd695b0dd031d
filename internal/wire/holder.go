// SPDX-License-Identifier: Apache-2.0

package wire

import "github.com/nsinspect/nsinspect/pkg/ns"

// Holder is one reason that the kernel keeps a namespace alive. It has the fields of
// its kind only.
type Holder struct {
	Kind string    `json:"kind" jsonschema:"enum=process,enum=thread,enum=fd,enum=mount,enum=socket,enum=tun,enum=mmap,enum=inflight,enum=child,enum=kernel"`
	PID  ns.TaskID `json:"pid,omitempty"` // the process that holds; of every kind but mount, child and kernel
	TID  ns.TaskID `json:"tid,omitempty"` // of a thread, and of a file in the descriptor table of one thread alone; comm and started are its own then
	FD   *int32    `json:"fd,omitempty"`  // of fd, socket and tun the descriptor, absent where there is none; of inflight that of the unix socket in which the file waits
	Details
	Owner *Owner `json:"owner,omitempty"` // of the process

	// Via is pid_for_children or time_for_children where the process is not in the
	// namespace itself but its next children will be, io_uring where the descriptor
	// is of a ring that has the file, "unaccepted connection" where it is of the
	// listener, /proc/net where the descriptor is of a file below that directory, fsopen
	// of a file system that is to be mounted, bpf_iter of a BPF iterator over what is in the
	// namespace, inotify or fanotify where the descriptor
	// watches the namespace's file, "registered io_uring" where the process, or its thread tid,
	// has registered a ring with itself that has the file, "io_uring request" or "aio request"
	// where one of these waits for a socket that the process has closed, "mapped io_uring" where
	// the process has mapped a ring that has the file, "closed sender" of a closed socket whose
	// message waits in the queue, "closed peer" of one that the descriptor's is connected to, "detached mount" or "unmounted, but in use" for a mount that is in no
	// mount namespace.
	Via          string `json:"via,omitempty"`
	Family       string `json:"family,omitempty"`                                                                        // of a socket, as inet
	Type         string `json:"type,omitempty"`                                                                          // of a socket, as stream
	State        string `json:"state,omitempty" jsonschema:"enum=fin-wait-1,enum=fin-wait-2,enum=last-ack,enum=closing"` // of a TCP connection that no process has any more, which the kernel ends
	Peer         string `json:"peer,omitempty"`                                                                          // of such a connection: its other end, as 192.0.2.7:443
	Device       string `json:"device,omitempty"`                                                                        // of tun: the network device
	DeviceBase64 []byte `json:"device_base64,omitempty"`
	Namespace    *Ref   `json:"namespace,omitempty"`  // of child: the namespace that this one owns or is the parent of
	References   int32  `json:"references,omitempty"` // of kernel: how many references nothing else explains; absent if that is unknown

	Path       string    `json:"path,omitempty"` // of a mount: where it is mounted, in its mount namespace
	PathBase64 []byte    `json:"path_base64,omitempty"`
	MountNS    uint64    `json:"mountns,omitempty"`                                                              // of a mount: inode of the mount namespace that it is in
	MountID    int32     `json:"mount_id,omitempty"`                                                             // of a mount, as in /proc/PID/mountinfo
	SeenByPID  ns.TaskID `json:"seen_by_pid,omitempty"`                                                          // of a mount: a process in its mount namespace
	SeenByTID  ns.TaskID `json:"seen_by_tid,omitempty"`                                                          // of a mount in the mount namespace of one thread alone
	Covered    bool      `json:"covered,omitempty"`                                                              // true if another mount lies over this one, so that the path leads elsewhere
	Authority  string    `json:"authority,omitempty" jsonschema:"pattern=^(kernel|root|user|user:[1-9][0-9]*)$"` // of a mount: whose word its path is, who can mount there
	Pin        *Holder   `json:"pin,omitempty"`                                                                  // of a mount: what keeps its mount namespace alive if no process is in it, or the detached mount that it is below
}

func (c *converter) holders(n *ns.Namespace) []Holder {
	var all []Holder
	for i := range n.Holders {
		all = append(all, c.holder(n, &n.Holders[i]))
	}
	return all
}

func (c *converter) holder(n *ns.Namespace, h *ns.Holder) Holder {
	w := Holder{Kind: h.Kind.String(), Via: h.Via.String()}
	switch h.Kind {
	case ns.KindMount:
		w.Path, w.PathBase64, w.MountNS, w.MountID, w.Covered = h.Path, raw(h.Path), h.MountNS, h.MountID, h.Covered
		w.SeenByPID, w.SeenByTID, w.Authority = h.PID, h.TID, h.Authority.String()
		if h.Pin != nil {
			pin := c.holder(n, h.Pin)
			w.Pin = &pin
		}
		return w
	case ns.KindChild:
		w.Namespace = newRef(h.Child)
		return w
	case ns.KindKernel:
		w.References = h.Refs
		return w
	}
	w.PID, w.TID, w.Owner = h.PID, h.TID, NewOwner(c.owners.Holder(n, h))
	s := h.Socket.Words()
	w.State, w.Peer = s.State, s.Peer
	w.Family, w.Type, w.Device, w.DeviceBase64 = s.Family, s.Type, s.Device, raw(s.Device)
	if h.Kind.HasFD() && h.FD >= 0 {
		w.FD = &h.FD
	}
	if h.Process != nil {
		w.Details = newDetails(h.Process)
	}
	return w
}
