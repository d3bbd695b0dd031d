// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"sort"

	"github.com/nsinspect/nsinspect/internal/explain"
	"github.com/nsinspect/nsinspect/internal/wire"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// text returns a text that is about a namespace or a path.
func (r *restorer) text(w *wire.Words, t wire.Text) (string, error) {
	switch {
	case t.Place == 0:
		return t.Literal, nil
	case t.Place > len(r.texts):
		return "", bad("the place of a text", t.Place-1)
	case w.TooLong(r.texts[t.Place-1]):
		return "", errTooLarge
	}
	s, err := w.Expand(r.texts[t.Place-1])
	if err != nil {
		return "", bad("a text", r.texts[t.Place-1])
	}
	if r.expanded += len(s); r.expanded > mostExpanded {
		return "", errTooLarge
	}
	return s, nil
}

func (r *restorer) textsOf(w *wire.Words, all []wire.Text) ([]string, error) {
	if len(all) == 0 {
		return nil, nil
	}
	out := make([]string, 0, len(all))
	for _, t := range all {
		s, err := r.text(w, t)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// answered returns the answers of all namespaces.
func (r *restorer) answered() (map[uint64]explain.Answer, error) {
	all := map[uint64]explain.Answer{}
	for i := range r.all {
		w := r.answers[i]
		if w == nil {
			continue
		}
		verdict, err := r.text(&r.words[i], w.Verdict)
		if err != nil {
			return nil, err
		}
		fix, err := r.textsOf(&r.words[i], w.Fix)
		if err != nil {
			return nil, err
		}
		advice, err := r.textsOf(&r.words[i], w.Advice)
		if err != nil {
			return nil, err
		}
		all[r.all[i].Inode] = explain.Answer{Verdict: verdict, Fix: commands(fix), Advice: append([]string{}, advice...)}
	}
	return all, nil
}

// addChildren completes the holders, now that all namespaces are there and stand still.
func (r *restorer) addChildren() {
	children := wire.Children(r.all)
	for _, i := range r.owns {
		n := &r.all[i]
		holders := make([]ns.Holder, len(n.Holders), len(n.Holders)+len(children[n]))
		copy(holders, n.Holders)
		n.Holders = holders
		for _, child := range children[n] {
			n.Holders = append(n.Holders, ns.Holder{Kind: ns.KindChild, FD: -1, Child: child})
		}
	}
	for i := range r.all {
		if r.first[i] > 0 || len(r.owns) > 0 {
			if all := ns.SortHolders(r.all[i].Holders); !sort.IsSorted(all) {
				sort.Stable(all)
			}
		}
	}
}
