// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"strings"

	"github.com/nsinspect/nsinspect/internal/explain"
	"github.com/nsinspect/nsinspect/internal/text"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// answers are what is answered of namespaces, by inode, in little memory: there can be a hundred
// thousand steps. Answers that differ in the namespace and its path alone are there once.
type answers struct {
	all  map[uint64]packed
	same map[text.Packed]text.Packed
}

// packed is the verdict and the commands of an answer, and its sentences.
type packed struct {
	texts [2]text.Packed
	path  string
}

// What stands for words that are in many texts of a namespace, and in front of a text for one that
// is as it was. Text that is shown has none of them.
const (
	markRef  = "\x01"
	markPath = "\x02"
	markAsIs = "\x03"
)

func (a *answers) put(n *ns.Namespace, answer *explain.Lists) {
	path, ref := pathOf(n), n.String()
	mark := func(s string) string {
		if strings.ContainsAny(s, markRef+markPath+markAsIs) {
			return markAsIs + s
		}
		if path != "" {
			s = strings.ReplaceAll(s, path, markPath)
		}
		return strings.ReplaceAll(s, ref, markRef)
	}
	var all [2]text.List
	all[0].Add(mark(answer.Verdict))
	for s := range answer.Fix.All() {
		all[0].Add(mark(s))
	}
	for s := range answer.Advice.All() {
		all[1].Add(mark(s))
	}
	a.all[n.Inode] = packed{[...]text.Packed{a.shared(all[0].Pack()), a.shared(all[1].Pack())}, path}
}

func (a *answers) shared(texts text.Packed) text.Packed {
	if same, known := a.same[texts]; known {
		return same
	}
	a.same[texts] = texts
	return texts
}

// get returns what is answered of a namespace, nil if that was let go.
func (a *answers) get(n *ns.Namespace) *explain.Lists {
	one, ok := a.all[n.Inode]
	if !ok {
		return nil
	}
	ref := n.String()
	as := func(s string) string {
		if rest, asIs := strings.CutPrefix(s, markAsIs); asIs {
			return rest
		}
		return strings.ReplaceAll(strings.ReplaceAll(s, markRef, ref), markPath, one.path)
	}
	l, first := explain.Lists{}, true
	for s := range one.texts[0].All() {
		if first {
			l.Verdict, first = as(s), false
		} else {
			l.Fix.Add(as(s))
		}
	}
	for s := range one.texts[1].All() {
		l.Advice.Add(as(s))
	}
	return &l
}

// pathOf returns the path that what is written of a namespace has most often, "" if there is none.
func pathOf(n *ns.Namespace) string {
	if len(n.Names) > 0 {
		return n.Names[0].Path
	}
	for i := range n.Holders {
		if h := &n.Holders[i]; h.Kind == ns.KindMount {
			return h.Path
		}
	}
	return ""
}
