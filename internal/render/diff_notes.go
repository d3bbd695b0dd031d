// SPDX-License-Identifier: Apache-2.0

package render

import (
	"fmt"
	"strings"

	"github.com/nsinspect/nsinspect/internal/text"
	"github.com/nsinspect/nsinspect/pkg/snapshot"
)

// UnreadNotes returns in sentences what was not compared, by which snapshot does not have it.
func UnreadNotes(d *snapshot.Diff) []string {
	var notes []string
	for _, side := range []struct {
		who      string
		old, now bool
	}{{"OLD does not have it", true, false}, {"NEW does not have it", false, true}, {"neither has it", true, true}} {
		var parts []string
		for _, u := range d.Unread {
			if u.Old != side.old || u.New != side.now {
				continue
			}
			part := u.What
			if u.Count > 0 {
				part = fmt.Sprintf("%s (%s)", u.What, text.Count(u.Count))
			}
			parts = append(parts, part)
		}
		if len(parts) > 0 {
			notes = append(notes, text.Line(fmt.Sprintf("not compared, as %s: %s", side.who, strings.Join(parts, ", "))))
		}
	}
	return notes
}

// LeakNotes returns in sentences which files were not used, and which series are too short to
// show a leak; a few, unless verbose.
func LeakNotes(all []snapshot.Series, skipped []Skipped, verbose bool) []string {
	var notes []string
	for i, s := range skipped {
		if i == 3 && !verbose {
			notes = append(notes, fmt.Sprintf("%s more files skipped: -v lists them", text.Count(len(skipped)-i)))
			break
		}
		notes = append(notes, text.Line(fmt.Sprintf("skipped %s: %v", text.Name(s.Path), s.Err)))
	}
	short := 0
	for i := range all {
		if all[i].Snapshots > snapshot.LeastGrowths {
			continue
		}
		if short++; short <= 3 || verbose {
			notes = append(notes, text.Line(fmt.Sprintf("%s: too few snapshots of the boot at hand to show a leak: %d, of at least %d",
				name(all[i].Machine.Host), all[i].Snapshots, snapshot.LeastGrowths+1)))
		}
	}
	return notes
}
