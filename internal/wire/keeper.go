// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"cmp"
	"path"
	"slices"
	"time"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/pkg/links"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
)

// Keeper makes the parts of a Snapshot, in their order. Each has its texts as they are until
// Share: that is the time to change them.
type Keeper struct {
	c        *converter
	ports    map[uint64]*links.PortHit
	heard    map[uint64]bool
	boot     time.Time // zero if no process shows it
	table    []keptProcess
	places   map[ns.TaskID]int // in the table
	children map[*ns.Namespace][]*ns.Namespace
	texts    texts
	words    map[uint64]Words // by inode, of those with findings perhaps
	report   *converter       // of that of doctor
}

// keptProcess is a process and its owners: as one in a namespace that is not the host's own (1),
// and as any other holder (0).
type keptProcess struct {
	process *ns.Process
	owners  [2]*owner.Owner
	seen    [2]bool
}

// NewKeeper returns what makes the parts of a snapshot.
func NewKeeper(s *ns.Snapshot, x *owner.Index, sockets links.Sockets) *Keeper {
	k := &Keeper{
		c: newConverter(s, x), ports: map[uint64]*links.PortHit{}, heard: map[uint64]bool{}, places: map[ns.TaskID]int{},
		texts: texts{at: map[string]int{}}, words: map[uint64]Words{}, children: Children(s.Namespaces),
	}
	for i := range sockets.Hits {
		k.ports[sockets.Hits[i].Namespace.Inode] = &sockets.Hits[i]
	}
	for _, inode := range sockets.Read {
		k.heard[inode] = true
	}
	k.findProcesses(s)
	return k
}

// Children returns by namespace all those that have it as their owner or parent, in their
// order.
func Children(all []ns.Namespace) map[*ns.Namespace][]*ns.Namespace {
	byInode := make(map[uint64]*ns.Namespace, len(all))
	for i := range all {
		byInode[all[i].Inode] = &all[i]
	}
	children := map[*ns.Namespace][]*ns.Namespace{}
	for i := range all {
		for t, inode := range all[i].Above() {
			if above := byInode[inode]; above != nil && above.Type == t {
				children[above] = append(children[above], &all[i])
			}
		}
	}
	return children
}

// findProcesses makes the table of processes.
func (k *Keeper) findProcesses(s *ns.Snapshot) {
	byPID := map[ns.TaskID]keptProcess{}
	for i := range s.Namespaces {
		n := &s.Namespaces[i]
		for j := range n.Holders {
			h := &n.Holders[j]
			if h.Process == nil || h.TID != 0 || h.Kind == ns.KindMount {
				continue
			}
			p, in := byPID[h.PID], place(n, h)
			if p.process == nil {
				p.process = h.Process
			}
			if !p.seen[in] {
				p.seen[in], p.owners[in] = true, k.c.owners.Holder(n, h)
				byPID[h.PID] = p
			}
		}
	}
	k.table = make([]keptProcess, 0, len(byPID))
	for _, p := range byPID {
		switch {
		case !p.seen[0]:
			p.owners[0] = p.owners[1]
		case !p.seen[1]:
			p.owners[1] = p.owners[0]
		case p.owners[1] == nil:
			p.owners[0] = nil // an absent one inside is that of elsewhere: so what is elsewhere has its own
		}
		k.table = append(k.table, p)
	}
	slices.SortFunc(k.table, func(a, b keptProcess) int { return cmp.Compare(a.process.PID, b.process.PID) })
	for i := range k.table {
		p := k.table[i].process
		k.places[p.PID] = i
		if k.boot.IsZero() && !p.Started.IsZero() {
			k.boot = p.Started.Add(-p.Born.Truncate(host.Tick))
		}
	}
}

// place returns which of the owners of a process is that of a holder.
func place(n *ns.Namespace, h *ns.Holder) int {
	if owner.Inside(n, h) {
		return 1
	}
	return 0
}

// Processes returns how many processes there are.
func (k *Keeper) Processes() int { return len(k.table) }

// Process returns one of the processes.
func (k *Keeper) Process(i int) KeptProcess {
	p := &k.table[i]
	w := KeptProcess{PID: p.process.PID, Details: newDetails(p.process), Owner: NewOwner(p.owners[0])}
	if !sameOwner(p.owners[0], p.owners[1]) {
		w.Inside = NewOwner(p.owners[1])
	}
	if k.boot.IsZero() {
		return w
	}
	switch {
	case w.Started == nil:
		w.Started = new(time.Time)
	case w.Started.Equal(k.boot.Add(time.Duration(w.AfterBoot))):
		w.Started = nil
	}
	return w
}

func sameOwner(a, b *owner.Owner) bool { return a == b || a != nil && b != nil && *a == *b }

// inTable returns the place of the process of a holder, if all that is known of it is there.
func (k *Keeper) inTable(n *ns.Namespace, h *ns.Holder) (at int, known, fits bool) {
	at, known = k.places[h.PID]
	if !known || h.TID != 0 {
		return 0, false, false
	}
	p := &k.table[at]
	return at, true, sameProcess(p.process, h.Process) && sameOwner(p.owners[place(n, h)], k.c.owners.Holder(n, h))
}

func sameProcess(p, q *ns.Process) bool {
	return p == q || p != nil && q != nil && p.PID == q.PID && p.Comm == q.Comm && p.UID == q.UID && p.Started.Equal(q.Started) && p.Born == q.Born && slices.Equal(p.Cmdline, q.Cmdline)
}

// Namespace returns a namespace of the snapshot, without an answer. It has the first of its names
// and of its holders, as many as fit in names and holders, and where the next is in n.Holders: see
// Names and More.
func (k *Keeper) Namespace(n *ns.Namespace, names []KeptName, holders []KeptHolder) (w Kept, next int) {
	all := k.c.unnamed(n)
	w = Kept{
		Type: all.Type, Inode: all.Inode, Cookie: all.Cookie, Initial: n.Initial, UserNS: all.UserNS, Parent: all.Parent, OwnerUID: all.OwnerUID, NSID: all.NSID,
		Owner: all.Owner, Threads: all.Threads, References: all.References, Leader: all.Leader, Age: all.Age, Links: all.Links,
		Names: k.Names(n, 0, names),
	}
	if p := n.Leader; p != nil {
		if at, ok := k.places[p.PID]; ok && sameProcess(k.table[at].process, p) {
			w.Leader.Details = Details{}
		}
	}
	w.Owns = k.hasAll(n)
	w.Holders = holders[:0]
	next = k.holders(&w, n, 0)
	if k.heard[n.Inode] {
		all := []Listener{}
		if hit := k.ports[n.Inode]; hit != nil {
			all = k.c.listeners(hit)
		}
		w.Listeners = &all
	}
	for _, l := range k.c.snap.Kept.Local[n.Inode] {
		w.Local = append(w.Local, LocalRoute{l.Prefix.String(), l.Index})
	}
	return w, next
}

// Names returns the names of a namespace from a place in n.Names on, as many as fit in room.
func (k *Keeper) Names(n *ns.Namespace, from int, room []KeptName) []KeptName {
	all := room[:0]
	for i := from; i < len(n.Names) && len(all) < cap(all); i++ {
		all = append(all, KeptName(newName(&n.Names[i])))
	}
	return all
}

// More replaces the holders in w by those from a place in n.Holders on, as many as fit in their
// room, and returns where the next is.
func (k *Keeper) More(w *Kept, n *ns.Namespace, from int) (next int) {
	w.Holders = w.Holders[:0]
	return k.holders(w, n, from)
}

// holders adds holders, from a place in n.Holders on, until w.Holders is full, and returns
// where the next is. All processes in the namespace are among the first, as these become
// w.Members.
func (k *Keeper) holders(w *Kept, n *ns.Namespace, from int) (next int) {
	for i := from; i < len(n.Holders); i++ {
		h := &n.Holders[i]
		if h.Kind != ns.KindProcess && len(w.Holders) == cap(w.Holders) {
			return i
		}
		if h.Kind == ns.KindChild && w.Owns {
			continue
		}
		hasPID := h.Kind != ns.KindMount && h.Kind != ns.KindChild && h.Kind != ns.KindKernel
		if !hasPID {
			w.Holders = append(w.Holders, KeptHolder{Holder: k.c.holder(n, h)})
			continue
		}
		at, known, fits := k.inTable(n, h)
		if fits && h.Kind == ns.KindProcess && h.Via == ns.NoVia && w.join(at) {
			continue
		}
		one := KeptHolder{Holder: k.c.holder(n, h), Apart: known && !fits}
		if fits {
			one.Details, one.Owner = Details{}, nil
		}
		w.Holders = append(w.Holders, one)
	}
	return len(n.Holders)
}

// join adds a process by its place, if that is behind the last one.
func (w *Kept) join(at int) bool {
	last := len(w.Members) - 1
	switch {
	case last < 0 || at > w.Members[last]+1:
		w.Members = append(w.Members, at, at)
	case at == w.Members[last]+1:
		w.Members[last] = at
	default:
		return false
	}
	return true
}

// hasAll reports whether a namespace has children, and these are all that it owns or is the
// parent of.
func (k *Keeper) hasAll(n *ns.Namespace) bool {
	all := k.children[n]
	for i := range n.Holders {
		h := &n.Holders[i]
		if h.Kind != ns.KindChild {
			continue
		}
		if len(all) == 0 || h.Child.Type != all[0].Type || h.Child.Inode != all[0].Inode {
			return false
		}
		all = all[1:]
	}
	return len(all) == 0 && len(k.children[n]) > 0
}

// Share makes a namespace small: what its texts have in common with others is written once. Those
// that are not in it yet are for ShareNames and ShareTexts.
func (k *Keeper) Share(w *Kept) {
	words := w.Words() // without those that are left for More: then a text is written as it is
	k.words[w.Inode] = words
	ShareNames(w.Names)
	if a := w.Answer; a != nil {
		k.texts.share(&words, &a.Verdict)
		k.texts.shareAll(&words, a.Fix)
		k.texts.shareAll(&words, a.Advice)
	}
}

// ShareNames is Share for names of a namespace.
func ShareNames(all []KeptName) {
	for i := range all {
		if n := &all[i]; n.NameBase64 == nil && n.PathBase64 == nil && n.Name == path.Base(n.Path) {
			n.Name = ""
		}
	}
}

// ShareTexts is Share for texts about what has these words.
func (k *Keeper) ShareTexts(w *Words, all []Text) { k.texts.shareAll(w, all) }

// WordsOf returns the words of a namespace that Share has had.
func (k *Keeper) WordsOf(n *ns.Namespace) *Words {
	w := k.words[n.Inode]
	return &w
}

// Texts returns what Share has put aside.
func (k *Keeper) Texts() []string { return append([]string{}, k.texts.all...) }
