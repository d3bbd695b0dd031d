// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nsinspect/nsinspect/internal/render"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// parseTypes returns the types to list: without --type network namespaces or, in a tree,
// all that it can have.
func (f *listFlags) parseTypes() ([]ns.Type, error) {
	types, err := parseTypes(f.types)
	if err != nil {
		return nil, err
	}
	all := f.allTypes || len(types) == len(ns.Types())
	switch tree := render.Tree(f.tree); {
	case tree == render.ParentTree && (all || !f.typed):
		return []ns.Type{ns.User, ns.PID}, nil
	case all || tree == render.OwnerTree && !f.typed:
		return ns.Types(), nil
	}
	if f.tree != string(render.ParentTree) {
		return types, nil
	}
	for _, t := range types {
		if t != ns.User && t != ns.PID {
			return nil, usagef("--tree parent is for user and pid namespaces: those of type %s have no parent\nhint: use --tree owner", t)
		}
	}
	return types, nil
}

func parseTypes(words []string) ([]ns.Type, error) {
	var types []ns.Type
	for _, w := range words {
		if w == "all" {
			types = ns.Types()
			continue
		}
		t, err := ns.ParseType(w)
		if err != nil {
			return nil, usagef("%w\nhint: use %s, or all", err, joined(ns.Types()))
		}
		if !slices.Contains(types, t) {
			types = append(types, t)
		}
	}
	if len(types) == 0 {
		return nil, usagef("--type is empty\nhint: name a namespace type, such as net, or all")
	}
	return types, nil
}

// joined lists words with commas between them.
func joined[T fmt.Stringer](all []T) string {
	var words []string
	for _, w := range all {
		words = append(words, w.String())
	}
	return strings.Join(words, ", ")
}
