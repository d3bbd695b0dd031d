// SPDX-License-Identifier: Apache-2.0

// Package render turns what the program found into what a user or a script
// reads: tables, JSON, YAML, and the sentences beside them. It is the only place
// that knows tablewriter, and the one in which strangers' text is made safe.
package render

import (
	"cmp"
	"strings"

	"github.com/nsinspect/nsinspect/internal/text"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
)

// Escape makes a finished line, which strangers' text is part of, safe to print.
func Escape(s string) string { return text.Escape(s) }

// name is text.Name of what may be absent, which stays "".
func name(s string) string {
	if s == "" {
		return ""
	}
	return text.Name(s)
}

// nameOwner returns an owner whose fields are as text.Name has them, to be formatted.
func nameOwner(o *owner.Owner) owner.Owner {
	named := *o
	for _, field := range []*string{&named.Runtime, &named.ID, &named.Name, &named.Unit} {
		*field = name(*field)
	}
	for _, field := range []*string{&named.Pod, &named.Service} {
		namespace, pod, both := strings.Cut(*field, "/")
		*field = name(namespace)
		if both {
			*field += "/" + text.Name(pod)
		}
	}
	return named
}

// pathOf returns the path of a gap in a sentence. What is no path is our own text.
func pathOf(g *ns.Gap) string {
	if strings.HasPrefix(g.Path, "/") {
		return text.Name(g.Path)
	}
	return cmp.Or(text.Cut(g.Path, text.CellWidth), "something")
}
