// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"cmp"
	"context"
	"slices"
	"sort"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/nsfs"
	"github.com/nsinspect/nsinspect/internal/opener"
	"github.com/nsinspect/nsinspect/internal/record"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// wantsChildren reports whether the source child has anything to find: user and PID
// namespaces alone live by their children (create_user_ns, kernel/user_namespace.c;
// create_pid_namespace, kernel/pid_namespace.c, 6.18).
func (s *scanner) wantsChildren() bool {
	return (slices.Contains(s.asked, ns.User) || slices.Contains(s.asked, ns.PID)) &&
		(s.opts.Sources == nil || slices.Contains(s.opts.Sources, "child"))
}

// findChildren adds the user and PID namespaces that live by others alone, and to every
// one of them the children that hold it. It needs namespaces of all types for that,
// since every one has an owner, and drops those of types that were not asked for.
func (s *scanner) findChildren(ctx context.Context, snap *ns.Snapshot) {
	if !s.wantsChildren() {
		return
	}
	f := family{scanner: s, snap: snap, opener: opener.New(s.host, false), known: map[record.Key]record.Relation{}, index: map[record.Key]int{}}
	defer f.opener.Close()
	for _, r := range s.found.Relations {
		f.known[r.Key] = r
	}
	for i := range snap.Namespaces {
		f.index[keyOf(&snap.Namespaces[i])] = i
	}
	for i := 0; i < len(snap.Namespaces) && ctx.Err() == nil; i++ { // those that are found are appended
		f.relate(i)
	}
	f.hold()
	snap.Namespaces = slices.DeleteFunc(snap.Namespaces, func(n ns.Namespace) bool { return !slices.Contains(s.asked, n.Type) })
}

// family is the state of findChildren.
type family struct {
	*scanner
	snap   *ns.Snapshot
	opener *opener.Opener
	known  map[record.Key]record.Relation // by the engine, or read here
	index  map[record.Key]int             // of Snapshot.Namespaces
}

func keyOf(n *ns.Namespace) record.Key { return record.Key{Type: n.Type, Inode: n.Inode} }

// relate fills in what a namespace refers to, and adds that to the snapshot.
func (f *family) relate(i int) {
	n := &f.snap.Namespaces[i]
	k := keyOf(n)
	if _, ok := f.known[k]; !ok && !f.placed(n) {
		f.read(n, k)
	}
	r := f.known[k]
	n.UserNS, n.Parent = cmp.Or(n.UserNS, r.Owner), cmp.Or(n.Parent, r.Parent)
	creator := record.Key{Type: ns.User, Inode: n.UserNS}
	if n.Type == ns.User {
		creator = k
	}
	if c, ok := f.known[creator]; ok && n.OwnerUID < 0 {
		n.OwnerUID = c.UID
	}
	for t, inode := range n.Above() {
		above := record.Key{Type: t, Inode: inode}
		if _, there := f.index[above]; !there && slices.Contains(f.types, t) {
			f.index[above] = len(f.snap.Namespaces)
			f.snap.Namespaces = append(f.snap.Namespaces, f.newNamespace(above))
		}
	}
}

// placed reports whether it is known already, by details, what a namespace refers to, and
// that is in the snapshot.
func (f *family) placed(n *ns.Namespace) bool {
	_, owner := f.index[record.Key{Type: ns.User, Inode: n.UserNS}]
	_, parent := f.index[record.Key{Type: n.Type, Inode: n.Parent}]
	return owner && (parent || n.Type != ns.PID)
}

// read reads what a namespace refers to from its file. The initial ones refer to the
// initial user namespace. What cannot be read is a gap, unless the namespace has ended.
func (f *family) read(n *ns.Namespace, k record.Key) {
	if n.Initial {
		f.known[k] = record.Relation{Key: k, Owner: f.initial[ns.User], UID: -1}
		if n.Type == ns.User {
			f.known[k] = record.Relation{Key: k}
		}
		return
	}
	fd, err := f.opener.Open(n)
	switch {
	case err == nil:
		f.ask(k, fd)
		unix.Close(fd)
	case err == opener.ErrEnded || err == opener.ErrNoPath && ends(n):
	default:
		f.found.Gaps = append(f.found.Gaps, ns.Gap{Sources: []string{"child"}, Path: "the owner of " + n.String(), Err: err})
	}
}

// ends reports whether a namespace that no path leads to has ended: all that held it has
// a file that leads to it.
func ends(n *ns.Namespace) bool {
	return !slices.ContainsFunc(n.Holders, func(h ns.Holder) bool { return !h.IsTask() && (h.Kind != ns.KindFD || h.Via != ns.NoVia) })
}

// ask reads what an open namespace refers to, and what that refers to.
func (f *family) ask(k record.Key, fd int) {
	if _, ok := f.known[k]; ok {
		return
	}
	r := record.Relation{Key: k, UID: -1}
	switch k.Type {
	case ns.User:
		r.UID = nsfs.Maker(fd)
		r.Owner = f.above(fd, unix.NS_GET_PARENT, ns.User)
		r.Parent = r.Owner
	case ns.PID:
		r.Parent = f.above(fd, unix.NS_GET_PARENT, ns.PID)
		fallthrough
	default:
		r.Owner = f.above(fd, unix.NS_GET_USERNS, ns.User)
	}
	f.known[k] = r
}

// above asks what a request leads to, of which it returns the inode.
func (f *family) above(fd int, request uint, t ns.Type) uint64 {
	above, inode := nsfs.Above(fd, request)
	if above < 0 {
		return 0 // of an initial namespace, or not to be seen from where this process is
	}
	defer unix.Close(above)
	f.ask(record.Key{Type: t, Inode: inode}, above)
	return inode
}

// hold adds the children to the holders. Each is a copy, as the snapshot moves its own.
func (f *family) hold() {
	all := f.snap.Namespaces
	copies := make([]ns.Namespace, len(all))
	for i := range all {
		for t, inode := range all[i].Above() {
			if at, there := f.index[record.Key{Type: t, Inode: inode}]; there {
				all[at].Holders = append(all[at].Holders, ns.Holder{Kind: ns.KindChild, Child: &copies[i]})
			}
		}
	}
	copy(copies, all)
	for i := range all {
		if all[i].Count(ns.KindChild) > 0 {
			sort.Sort(ns.SortHolders(all[i].Holders))
		}
	}
}
