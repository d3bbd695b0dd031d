// SPDX-License-Identifier: Apache-2.0

package resolve

import (
	"errors"
	"os"
	"path"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// kept answers for the machine of a snapshot from a file with what that has.
type kept struct{ snap *ns.Snapshot }

var errNotKept = errors.New("the file has no namespace by that path")

func (kept) Live() bool                                          { return false }
func (kept) Absolute(name string) (root, full string, err error) { return "/", name, nil }
func (k kept) InitialNamespaces() [ns.NumTypes]uint64            { return k.snap.Initial }
func (kept) LacksType(string, ns.Type) bool                      { return false }
func (kept) TaskCovered(string) bool                             { return false }
func (kept) Recorded() bool                                      { return true }
func (kept) BootTime() (time.Time, error)                        { return time.Time{}, errNotKept }
func (kept) NamespaceAuthority(string) (ns.Authority, bool)      { return ns.UnknownAuthority, false }
func (kept) ReadDir(string) ([]os.DirEntry, error)               { return nil, unix.ENOENT }

// ReadStat reports whether there was a process; more of it is not known.
func (k kept) ReadStat(task string) (host.Stat, error) {
	pid, ok := ns.ParseTaskID(task)
	if !ok || k.holder(func(_ *ns.Namespace, h *ns.Holder) bool { return h.PID == pid && h.IsTask() }) == nil {
		return host.Stat{}, unix.ENOENT
	}
	return host.Stat{}, nil
}

// LookupNamespace returns the namespace that was at a path: one of /proc/PID/ns or
// /proc/PID/fd, a name or a mount.
func (k kept) LookupNamespace(name string) (ns.Type, uint64, error) {
	name = path.Clean(name)
	if below, ok := strings.CutPrefix(name, "/var/run/"); ok {
		name = "/run/" + below
	}
	if rest, ok := strings.CutPrefix(name, "/proc/"); ok {
		return k.ofTask(strings.Split(rest, "/"))
	}
	for i := range k.snap.Namespaces {
		n := &k.snap.Namespaces[i]
		for _, known := range n.Names {
			if known.Path == name || "/run/"+strings.TrimPrefix(known.Path, "/var/run/") == name {
				return n.Type, n.Inode, nil
			}
		}
	}
	n := k.holder(func(_ *ns.Namespace, h *ns.Holder) bool {
		return h.Kind == ns.KindMount && h.Path == name && h.MountNS == k.snap.MountNS && !h.Covered && !h.Lone()
	})
	if n == nil {
		return 0, 0, errNotKept
	}
	return n.Type, n.Inode, nil
}

// NamespaceAt is LookupNamespace.
func (k kept) NamespaceAt(name string) (ns.Type, uint64, error) { return k.LookupNamespace(name) }

// ofTask returns the namespace behind "PID/ns/net", "PID/task/TID/ns/net" or "PID/fd/7".
func (k kept) ofTask(words []string) (ns.Type, uint64, error) {
	if len(words) == 3 && words[0] == "self" && words[1] == "ns" && k.snap.Kept != nil {
		if t, err := ns.ParseType(words[2]); err == nil && k.snap.Kept.Own[t] != 0 {
			return t, k.snap.Kept.Own[t], nil
		}
	}
	pid, ok := ns.ParseTaskID(words[0])
	var tid ns.TaskID
	if ok && len(words) == 5 && words[1] == "task" {
		tid, ok = ns.ParseTaskID(words[2])
		words = append(words[:1], words[3:]...)
	}
	if !ok || len(words) != 3 {
		return 0, 0, errNotKept
	}
	n := k.holder(func(n *ns.Namespace, h *ns.Holder) bool {
		switch {
		case h.PID != pid:
			return false
		case words[1] == "fd":
			return h.Kind == ns.KindFD && strconv.Itoa(int(h.FD)) == words[2] && h.TID == tid
		case words[1] != "ns" || !h.IsTask():
			return false
		case h.Via != ns.NoVia:
			return h.Via.String() == words[2]
		case tid != 0 && tid != pid && h.Kind == ns.KindThread:
			return n.Type.String() == words[2] && h.TID == tid
		}
		return n.Type.String() == words[2] && h.Kind == ns.KindProcess
	})
	if own, ok := strings.CutSuffix(words[2], "_for_children"); ok && n == nil {
		return k.ofTask([]string{words[0], words[1], own}) // they are in the same as it is
	}
	if n == nil {
		return 0, 0, unix.ENOENT
	}
	return n.Type, n.Inode, nil
}

// holder returns the first namespace one of whose holders fits, nil if none does.
func (k kept) holder(fits func(*ns.Namespace, *ns.Holder) bool) *ns.Namespace {
	for i := range k.snap.Namespaces {
		n := &k.snap.Namespaces[i]
		for j := range n.Holders {
			if fits(n, &n.Holders[j]) {
				return n
			}
		}
	}
	return nil
}
