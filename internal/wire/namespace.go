// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"time"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
)

// Ref is a reference to a namespace.
type Ref struct {
	Type       string `json:"type" jsonschema:"enum=net,enum=mnt,enum=user,enum=pid,enum=ipc,enum=uts,enum=cgroup,enum=time"`
	Inode      uint64 `json:"inode"`             // its nsfs inode, which the kernel reuses
	Cookie     uint64 `json:"cookie,omitempty"`  // of a network namespace, never reused in one boot
	Initial    bool   `json:"initial,omitempty"` // true if it is the host's own; absent if it is not, or that is unknown
	Name       string `json:"name,omitempty"`    // one of its names
	NameBase64 []byte `json:"name_base64,omitempty"`
}

// Namespace is one namespace and what keeps it alive.
type Namespace struct {
	Type         string         `json:"type" jsonschema:"enum=net,enum=mnt,enum=user,enum=pid,enum=ipc,enum=uts,enum=cgroup,enum=time"`
	Inode        uint64         `json:"inode"`               // its nsfs inode, which the kernel reuses
	Cookie       uint64         `json:"cookie,omitempty"`    // of a network namespace, never reused in one boot
	Initial      *bool          `json:"initial,omitempty"`   // whether it is the host's own
	UserNS       uint64         `json:"userns,omitempty"`    // inode of the user namespace that owns it; of a user namespace, of its parent
	Parent       uint64         `json:"parent,omitempty"`    // of a user or PID namespace: inode of its parent
	OwnerUID     *int           `json:"owner_uid,omitempty"` // the user who created that user namespace; of a user namespace, who created it
	NSID         *int           `json:"nsid,omitempty"`      // its ID in the network namespace of this command, as ip netns list-id prints it
	Names        []Name         `json:"names"`               // sorted by path
	Owner        *Owner         `json:"owner,omitempty"`
	Processes    int            `json:"processes"`            // how many processes are in it
	Threads      int            `json:"threads"`              // how many tasks are in it beyond one a process
	HolderCounts map[string]int `json:"holder_counts"`        // by kind; a kind that no source looks for is absent
	References   *References    `json:"references,omitempty"` // of a network namespace; absent if the kernel's count was not read
	Leader       *Process       `json:"leader,omitempty"`     // the oldest process in it
	Age          *Age           `json:"age,omitempty"`        // since when it is known to exist
	Links        []Link         `json:"links,omitempty"`      // of a network namespace, by index; absent if they were not read
	Holders      []Holder       `json:"holders,omitempty"`    // sorted by kind, PID, TID and path; only where they are asked for
	Children     []uint64       `json:"children,omitempty"`   // in a tree: inodes of the namespaces right below it
	Context      bool           `json:"context,omitempty"`    // in a tree: true if it is there only for what is below it; absent if it was asked for
}

// References is the account of what keeps a network namespace alive: the kernel frees it
// when there is no reference any more.
type References struct {
	Total     int `json:"total"`     // as the kernel counts them
	Explained int `json:"explained"` // by what was found, of which a holder of kind kernel has the others; more than total where some were closed meanwhile
}

// Age is the time from which a namespace is known to exist.
type Age struct {
	Since time.Time `json:"since"`
	// From is what that is known from: the boot of the host, the file of a name or
	// one that is only open, both no older than the namespace, or the start of the
	// oldest process in it.
	From string `json:"from" jsonschema:"enum=boot,enum=name,enum=file,enum=process"`
}

// Name is a file that refers to a namespace.
type Name struct {
	Name       string `json:"name"` // the last element of the path
	NameBase64 []byte `json:"name_base64,omitempty"`
	Path       string `json:"path"`
	PathBase64 []byte `json:"path_base64,omitempty"`
	Kind       string `json:"kind" jsonschema:"enum=mount,enum=symlink"`                            // a mount keeps the namespace alive, a symlink does not
	Authority  string `json:"authority" jsonschema:"pattern=^(kernel|root|user|user:[1-9][0-9]*)$"` // whose word the name is: who can change it
}

// Owner is the container, pod or unit that a process or namespace belongs to.
type Owner struct {
	Runtime string `json:"runtime"`           // docker, containerd, cri-o, podman, lxc, incus, lxd, nspawn, machine, systemd (a unit), cni, kubernetes, neutron, or container if it is unknown which
	ID      string `json:"id,omitempty"`      // of the container, in full; of a pod's namespace that of its sandbox
	Name    string `json:"name,omitempty"`    // of the container, within its pod if it is in one
	Pod     string `json:"pod,omitempty"`     // NAMESPACE/NAME
	Unit    string `json:"unit,omitempty"`    // the systemd unit
	Service string `json:"service,omitempty"` // of Docker Compose: PROJECT/SERVICE

	Guest    bool `json:"guest,omitempty"`    // it is in a container itself: the machine's own runtimes do not have it
	Namesake bool `json:"namesake,omitempty"` // another container of the runtime has the name, too
	Static   bool `json:"static,omitempty"`   // its pod is a static one: the kubelet has it from a file on the node

	Authority string `json:"authority" jsonschema:"pattern=^(kernel|root|user|user:[1-9][0-9]*)$"` // whose word that is: who could have made it so
}

// Process is a process as its own files in /proc describe it.
type Process struct {
	PID ns.TaskID `json:"pid"`
	Details
}

// Details are what a process is recognised by.
type Details struct {
	Comm          string     `json:"comm,omitempty"`
	CommBase64    []byte     `json:"comm_base64,omitempty"`
	Cmdline       []string   `json:"cmdline,omitempty"` // absent for a kernel thread; the last argument ends with … if there is more than 64 KiB
	CmdlineBase64 [][]byte   `json:"cmdline_base64,omitempty"`
	UID           *int       `json:"uid,omitempty"` // the effective user
	Started       *time.Time `json:"started,omitempty"`
	AfterBoot     int64      `json:"started_after_boot_ns,omitempty"` // of the process: with the PID it is one process for ever, in one boot
}

// converter makes the parts of one document.
type converter struct {
	snap    *ns.Snapshot
	owners  *owner.Index
	byInode map[uint64]*ns.Namespace
}

func newConverter(s *ns.Snapshot, x *owner.Index) *converter {
	c := &converter{s, x, make(map[uint64]*ns.Namespace, len(s.Namespaces))}
	for i := range s.Namespaces {
		c.byInode[s.Namespaces[i].Inode] = &s.Namespaces[i]
	}
	return c
}

func (c *converter) namespace(n *ns.Namespace) Namespace {
	w := c.unnamed(n)
	w.Names = make([]Name, 0, len(n.Names))
	for i := range n.Names {
		w.Names = append(w.Names, newName(&n.Names[i]))
	}
	return w
}

func newName(n *ns.Name) Name {
	return Name{n.Name, raw(n.Name), n.Path, raw(n.Path), string(n.Kind), n.Authority.String()}
}

// unnamed returns a namespace without its names.
func (c *converter) unnamed(n *ns.Namespace) Namespace {
	w := Namespace{
		Type: n.Type.String(), Inode: n.Inode, Cookie: n.Cookie, UserNS: n.UserNS, Parent: n.Parent, NSID: n.NSID,
		Owner: NewOwner(c.owners.Namespace(n)), Processes: n.Processes(), Threads: n.Threads, HolderCounts: map[string]int{},
		Links: c.links(n.Links),
	}
	if c.snap.Initial[n.Type] != 0 {
		w.Initial = &n.Initial
	}
	if r := n.References; r != nil {
		w.References = &References{r.Total, r.Explained}
	}
	if n.OwnerUID >= 0 {
		w.OwnerUID = &n.OwnerUID
	}
	if !n.Age.Since.IsZero() {
		w.Age = &Age{n.Age.Since, string(n.Age.From)}
	}
	for i, count := range n.Counts() {
		if k := ns.Kind(i); c.snap.LookedFor(k) {
			w.HolderCounts[k.String()] = count
		}
	}
	if p := n.Leader; p != nil {
		w.Leader = &Process{p.PID, newDetails(p)}
	}
	return w
}

// ref refers to a namespace of which the type and inode are known.
func (c *converter) ref(t ns.Type, inode uint64) *Ref {
	if inode == 0 {
		return nil
	}
	if n := c.byInode[inode]; n != nil && n.Type == t {
		return newRef(n)
	}
	return &Ref{Type: t.String(), Inode: inode}
}

func newRef(n *ns.Namespace) *Ref {
	name := n.BestName()
	return &Ref{Type: n.Type.String(), Inode: n.Inode, Cookie: n.Cookie, Initial: n.Initial, Name: name, NameBase64: raw(name)}
}

func newDetails(p *ns.Process) Details {
	w := Details{Comm: p.Comm, CommBase64: raw(p.Comm), Cmdline: p.Cmdline, CmdlineBase64: raws(p.Cmdline), AfterBoot: int64(p.Born.Truncate(host.Tick))}
	if p.UID >= 0 {
		w.UID = &p.UID
	}
	if !p.Started.IsZero() {
		w.Started = &p.Started
	}
	return w
}

// NewOwner returns nil for nil.
func NewOwner(o *owner.Owner) *Owner {
	if o == nil {
		return nil
	}
	return &Owner{o.Runtime, o.ID, o.Name, o.Pod, o.Unit, o.Service, o.Guest, o.Namesake, o.Static, o.Authority.String()}
}
