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

// packed is the verdict, the commands and the sentences of an answer, one after the other.
type packed struct {
	texts text.Packed
	path  string
	fix   int  // how many commands there are
	plain bool // no marks stand for words
}

// What stands for words that are in many texts of a namespace. Text that is shown has neither.
const (
	markRef  = "\x01"
	markPath = "\x02"
)

func (a *answers) put(n *ns.Namespace, answer *explain.Answer) {
	one := packed{path: pathOf(n), fix: len(answer.Fix)}
	all := append(append([]string{answer.Verdict}, answer.Fix...), answer.Advice...)
	for _, s := range all {
		one.plain = one.plain || strings.ContainsAny(s, markRef+markPath)
	}
	ref := n.String()
	for i := range all {
		if one.plain {
			break
		}
		if one.path != "" {
			all[i] = strings.ReplaceAll(all[i], one.path, markPath)
		}
		all[i] = strings.ReplaceAll(all[i], ref, markRef)
	}
	texts := text.Pack(all)
	if same, known := a.same[texts]; known {
		texts = same
	} else {
		a.same[texts] = texts
	}
	one.texts = texts
	a.all[n.Inode] = one
}

// get returns what is answered of a namespace, nil if that was let go.
func (a *answers) get(n *ns.Namespace) *explain.Answer {
	one, ok := a.all[n.Inode]
	if !ok {
		return nil
	}
	all, ref := one.texts.Unpack(), n.String()
	for i := range all {
		if !one.plain {
			all[i] = strings.ReplaceAll(strings.ReplaceAll(all[i], markRef, ref), markPath, one.path)
		}
	}
	return &explain.Answer{Verdict: all[0], Fix: all[1 : 1+one.fix : 1+one.fix], Advice: all[1+one.fix:]}
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
