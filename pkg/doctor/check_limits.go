// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/nsinspect/nsinspect/internal/explain"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// findLimits finds users who have nearly as many namespaces of a type as the kernel lets one
// have.
//
// It counts each namespace for the user who created it in the user namespace that owns it,
// and for the creator of that one in the parent, and so on, and compares each count with the
// limit of the user namespace it is of (inc_ucount, kernel/ucount.c, 6.18). The limits that
// can be read are those of the reader's own user namespace (set_lookup, there).
func findLimits(x *inspection) (all []Finding) {
	for _, t := range ns.Types() {
		if !x.opts.covers(t) {
			continue
		}
		limit, err := x.limit(t)
		switch {
		case errors.Is(err, fs.ErrNotExist): // a kernel without them, or a recorded tree
		case err != nil:
			x.unseen[checkLimits] = err.Error()
		case limit == 0: // nobody is to have one
		case t == ns.Net && !near(x.created(), limit): // however they are shared out
		default:
			all = append(all, x.limited(t, limit)...)
		}
	}
	return all
}

func near(count, limit int) bool { return count >= limit-limit/10 }

// limit returns how many namespaces of a type a user may have in our own user namespace.
func (x *inspection) limit(t ns.Type) (int, error) {
	text, err := x.host.ReadFile("/proc/sys/user/" + explain.LimitOf(t))
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(text))
}

// created returns how many network namespaces somebody has created.
func (x *inspection) created() (count int) {
	for i := range x.snap.Namespaces {
		if n := &x.snap.Namespaces[i]; n.Type == ns.Net && !n.Initial {
			count++
		}
	}
	return count
}

func (x *inspection) limited(t ns.Type, limit int) (all []Finding) {
	w := x.wide(checkLimits)
	if w == nil {
		return nil
	}
	userNS, err := w.host.NamespaceLink("/proc/self/ns/user")
	if err != nil {
		userNS = w.snap.Initial[ns.User]
	}
	below, direct := w.shares(t, userNS)
	below[0] += 0 // so that it is there: what was created in the user namespace itself is taken for its root's
	for _, uid := range slices.Sorted(maps.Keys(below)) {
		c := explain.Share{Type: t, UID: uid, Limit: limit, UserNS: userNS, Below: below[uid]}
		if uid == 0 {
			c.Direct = direct
		}
		if !near(c.Below+c.Direct, limit) {
			continue
		}
		f := Finding{Severity: Warning, Authority: ns.KernelAuthority, Subject: fmt.Sprintf("%s (uid %d)", explain.LimitOf(t), uid)}
		f.marks = []string{f.Subject}
		f.write(w.adviser().Limits(c))
		all = append(all, f)
	}
	return all
}

// shares counts the namespaces of a type that count in a user namespace: those whose creator
// there is known, by UID, and those which somebody created in it directly, whom the kernel
// shows of user namespaces only.
func (x *inspection) shares(t ns.Type, userNS uint64) (below map[int]int, direct int) {
	below = map[int]int{}
	users := map[uint64]*ns.Namespace{}
	for i := range x.snap.Namespaces {
		if n := &x.snap.Namespaces[i]; n.Type == ns.User {
			users[n.Inode] = n
		}
	}
	for i := range x.snap.Namespaces {
		n := &x.snap.Namespaces[i]
		if n.Type != t || n.Initial {
			continue
		}
		if t != ns.User && n.UserNS == userNS {
			direct++
			continue
		}
		at := n
		if t != ns.User {
			at = users[n.UserNS]
		}
		for at != nil && at.UserNS != userNS {
			at = users[at.UserNS]
		}
		if at != nil && at.OwnerUID >= 0 {
			below[at.OwnerUID]++
		}
	}
	return below, direct
}
