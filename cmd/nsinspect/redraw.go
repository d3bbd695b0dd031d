// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"

	"github.com/nsinspect/nsinspect/internal/render"
)

// redraw has a terminal show one report in place of the one before.
type redraw struct{ begun bool }

// redraws reports whether a terminal does that. What TERM calls dumb has no sequences for it, and
// gets one report below the other.
func (a *app) redraws(s render.Style) bool { return s.Width > 0 && a.getenv("TERM") != "dumb" }

// next returns what is to be written before a report. What the terminal had before the first one
// scrolls off, and can be looked at again.
func (r *redraw) next(s render.Style) string {
	const erase = "\x1b[H\x1b[J" // home, erase what is below: terminals keep no copy of that
	if r.begun {
		return erase
	}
	r.begun = true
	return strings.Repeat("\n", s.Height) + erase
}
