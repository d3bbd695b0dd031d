// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/nsinspect/nsinspect/internal/render"
)

// style returns how to lay out human output on stdout.
func (a *app) style() render.Style { return a.styleOf(a.stdout) }

// styleOf returns how to lay out human output that is written there.
func (a *app) styleOf(w io.Writer) render.Style {
	s := render.Style{ASCII: !a.utf8()}
	f, isFile := w.(*os.File)
	if isFile {
		if width, height, err := term.GetSize(int(f.Fd())); err == nil {
			s.Width, s.Height = width, height
			s.Color = a.color == "auto" && a.getenv("NO_COLOR") == "" && a.getenv("TERM") != "dumb"
		}
	}
	if a.color == "always" {
		s.Color = true
	}
	return s
}

// utf8 reports whether the locale has UTF-8, as setlocale(3) reads it from the environment.
func (a *app) utf8() bool {
	locale := cmp.Or(a.getenv("LC_ALL"), a.getenv("LC_CTYPE"), a.getenv("LANG"))
	_, charset, _ := strings.Cut(locale, ".")
	charset, _, _ = strings.Cut(charset, "@")
	return strings.EqualFold(charset, "UTF-8") || strings.EqualFold(charset, "utf8")
}

func (a *app) getenv(name string) string {
	for _, kv := range a.env {
		if v, ok := strings.CutPrefix(kv, name+"="); ok {
			return v
		}
	}
	return ""
}

// isTerminal reports whether what is written there lands on a terminal.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
