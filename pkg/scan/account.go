// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/record"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// ErrMoving is the gap that is left where namespaces changed whenever they were read.
var ErrMoving = errors.New("changed while they were read, again and again")

// open is a network namespace that the sources do not explain: all of it, or so many of
// the kernel's references to it.
type open struct {
	id       uint64 // its cookie or, before Linux 5.12, inode
	missing  int    // references; negative: more were found than there are
	complete bool   // nothing explains it
	total    int    // references, of a namespace that a task is in; otherwise 0
}

// isBusy reports whether a task is in the namespace.
func (o open) isBusy() bool { return o.total != 0 }

// How often the sources run: at most, and for a namespace that a task is in. Where there
// is traffic, its account balances in about every second round.
const (
	rounds     = 5
	busyRounds = 20
)

// standing has in how many rounds something was unexplained: in all so far, or in the
// last ones without a break if the namespace is busy.
type standing map[open]int

// moved adds a round, and returns what may only be the traces of something that moves.
// What was the same before is not: in one round, or in the last seven if the namespace is
// busy, where numbers come and go, and in the rhythm of its traffic may be the same for some
// rounds.
func (s standing) moved(unexplained []open) (moved []open) {
	for o := range s {
		if o.isBusy() && !slices.Contains(unexplained, o) {
			delete(s, o)
		}
	}
	for _, o := range unexplained {
		s[o]++
		enough := 2
		if o.isBusy() {
			enough = 8
		}
		if s[o] < enough || o.missing < 0 && !o.isBusy() {
			moved = append(moved, o)
		}
	}
	return moved
}

// settle completes the account of a namespace: the engine's, and the mounts that other
// sources found, unless not all of them were asked for. It returns how many references
// remain that nothing explains; negative: more were found than there are by now. Where a task
// is in the namespace that is 0, unless asked for: what tasks open and close is in the count
// for some milliseconds more, and there is always some of that where there is traffic. An
// account that balanced in an earlier round is kept there.
func (s *scanner) settle(n *ns.Namespace, k record.Net) (missing int) {
	if s.found.Accounts == nil || k.Refs <= 0 || n.Initial || s.opts.Sources != nil && len(s.opts.Sources) < len(sources) {
		return 0
	}
	account := s.found.Accounts[k.Inode]
	r := ns.References{Total: k.Refs, Explained: account.Direct}
	watched := slices.ContainsFunc(n.Holders, func(h ns.Holder) bool { return h.Watches() })
	switch {
	case k.Watched > 1, k.Watched > 0 && !watched:
	case k.Opened > 0 && k.Opened <= account.Files+mounted(n):
		r.Explained++ // that of the nsfs file
	}
	if watched && k.Watched == 0 {
		r.Explained++ // of an inode that only a watch keeps
	}
	missing = r.Total - r.Explained
	busy := hasTask(n)
	if once, ok := s.balanced[idOf(k)]; busy && ok {
		r, missing = once, 0
	} else if busy && missing == 0 {
		s.balanced[idOf(k)] = r
	}
	n.References = &r
	if busy && s.opts.Balance != n.Inode {
		return 0
	}
	if missing > 0 && k.Opened > account.Files+mounted(n) {
		s.hiddenFile = true
	}
	return missing
}

// Unbalanced reports whether a task is in the namespace, and the account of it does not
// balance: Scan looks again for what moves where Options.Balance asks for it.
func Unbalanced(n *ns.Namespace) bool {
	return n.References != nil && n.References.Total != n.References.Explained && hasTask(n)
}

func hasTask(n *ns.Namespace) bool {
	return slices.ContainsFunc(n.Holders, func(h ns.Holder) bool { return h.IsTask() })
}

// mounted returns how many references mounts have to the namespace's file. One that
// something is mounted on has more, as that is mounted on the file: how many more
// depends on the kernel, and nothing is missing then.
func mounted(n *ns.Namespace) int {
	mounts := n.Count(ns.KindMount)
	if slices.ContainsFunc(n.Holders, func(h ns.Holder) bool { return h.Covered }) {
		return mounts * 3
	}
	return mounts
}

// awaitRelease gives the kernel the time to release what was closed: sockets, above all
// those of netlink, are freed after an RCU grace period (netlink_release,
// net/netlink/af_netlink.c), which MEMBARRIER_CMD_GLOBAL waits for (kernel/sched/membarrier.c),
// but not with nohz_full, nor while one CPU is online: such a machine gets the time that a
// grace period takes there, a few ticks.
func awaitRelease() {
	const commandGlobal = 1
	one := oneCPU()
	for range 2 { // the callbacks of the first one may still run
		if _, _, errno := unix.Syscall(unix.SYS_MEMBARRIER, commandGlobal, 0, 0); errno != 0 || one {
			time.Sleep(20 * time.Millisecond)
		}
	}
}

// oneCPU reports whether one CPU is online, or it is not known how many: one is a number, and
// several are ranges and a list (Documentation/admin-guide/cputopology.rst).
func oneCPU() bool {
	text, _ := os.ReadFile("/sys/devices/system/cpu/online") // unreadable: to wait in vain does no harm
	return !bytes.ContainsAny(text, "-,")
}

// moving returns the gap for namespaces that changed in every round, if there are any.
// Those that a task is in need none: the numbers of each show it, and for it alone.
func moving(all []open) []ns.Gap {
	all = slices.DeleteFunc(all, open.isBusy)
	what := fmt.Sprintf("%d network namespaces", len(all))
	switch len(all) {
	case 0:
		return nil
	case 1:
		what = "1 network namespace"
	}
	return []ns.Gap{{Sources: []string{"kernel"}, Path: what, Err: ErrMoving}}
}
