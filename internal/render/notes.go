// SPDX-License-Identifier: Apache-2.0

package render

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/explain"
	"github.com/nsinspect/nsinspect/internal/kernel"
	"github.com/nsinspect/nsinspect/internal/text"
	"github.com/nsinspect/nsinspect/pkg/links"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
	"github.com/nsinspect/nsinspect/pkg/scan"
)

// GapNotes returns in sentences what a snapshot does not show and how to see it.
// With verbose it has each gap, and how the machine was read.
func GapNotes(s *ns.Snapshot, x *owner.Index, verbose bool) []string {
	var notes []string
	if verbose {
		notes = append(notes, fmt.Sprintf("sources: %s", strings.Join(s.Sources, ", ")))
	}
	var closed, unmounted, unlinked, unheard, unowned, other []ns.Gap
	var hidden, newer []string
	for _, g := range append(slices.Clone(s.Gaps), x.Gaps()...) {
		if g.Err == scan.ErrNotInProc {
			hidden = append(hidden, lookingAt(g.Sources))
			continue
		}
		if g.Err == scan.ErrActiveOnly {
			hidden = append(hidden, "namespaces that no process and no file refers to")
			continue
		}
		if since := (kernel.SinceError{}); errors.As(g.Err, &since) {
			newer = append(newer, fmt.Sprintf("%s (%v)", lookingAt(g.Sources), since))
			continue
		}
		if verbose && !denied(g.Err) {
			notes = append(notes, text.Line(gapNote(g)))
			continue
		}
		if verbose {
			notes = append(notes, text.Line("unreadable: "+strings.Join(g.Sources, ", ")+": "+pathOf(&g)+": "+g.Err.Error()))
		}
		switch {
		case denied(g.Err) && (g.Of("process") || g.Of("thread")):
			closed = append(closed, g)
		case denied(g.Err) && g.Of("mount") && strings.HasPrefix(g.Path, "/proc/"):
			unmounted = append(unmounted, g)
		case denied(g.Err) && g.Of(links.Source):
			unlinked = append(unlinked, g)
		case denied(g.Err) && g.Of(ns.SourceListener):
			unheard = append(unheard, g)
		case denied(g.Err) && g.Of(owner.Source):
			unowned = append(unowned, g)
		default:
			other = append(other, g)
		}
	}
	if len(hidden) > 0 {
		notes = append(notes, hiddenNote(s, hidden))
	}
	if len(newer) > 0 {
		notes = append(notes, "not looked at: "+strings.Join(newer, ", "))
	}
	if len(closed) > 0 {
		notes = append(notes, text.Line(closedNote("process", "processes", closed)))
	}
	if len(unmounted) > 0 {
		notes = append(notes, text.Line(closedNote("mount namespace", "mount namespaces", unmounted)))
	}
	for _, gaps := range [][]ns.Gap{unlinked, unheard} {
		if len(gaps) > 0 {
			notes = append(notes, text.Line(explain.UnreadLinks(links.Unread(gaps), gaps)))
		}
	}
	if len(unowned) > 0 {
		notes = append(notes, text.Line(unownedNote(unowned)))
	}
	for i, g := range other {
		if verbose {
			break // noted above
		}
		if i == 3 {
			notes = append(notes, fmt.Sprintf("%d more could not be read: -v lists them", len(other)-i))
			break
		}
		notes = append(notes, text.Line(gapNote(g)))
	}
	return notes
}

// lookingAt names the places where some sources look.
func lookingAt(sources []string) string {
	var places []string
	for _, s := range sources {
		places = append(places, explain.LookingAt(s))
	}
	return strings.Join(places, ", ")
}

// hiddenNote returns what /proc cannot show and what can.
func hiddenNote(s *ns.Snapshot, what []string) string {
	note := "not looked at: " + strings.Join(what, ", ")
	if s.Root != "/" {
		return note + ": another root's tree does not show them"
	}
	switch {
	case s.NoEngine == nil: // the proc engine was asked for
		return note + ": the bpf engine sees them: use --engine bpf, as root"
	case !denied(s.NoEngine):
		return note + ": the bpf engine, which sees them, did not start: " + s.NoEngine.Error()
	}
	return note + ": the bpf engine sees them, run as root"
}

func denied(err error) bool { return errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) }

// closedNote returns how many things are unreadable without the rights of a tracer.
func closedNote(one, many string, gaps []ns.Gap) string {
	what := fmt.Sprintf("%d %s unreadable", len(gaps), many)
	if len(gaps) == 1 {
		what = fmt.Sprintf("1 %s unreadable (%s)", one, pathOf(&gaps[0]))
	}
	return what + ": " + explain.Privilege(unix.CAP_SYS_PTRACE)
}

// unownedNote returns which files of runtimes may not be read.
func unownedNote(gaps []ns.Gap) string {
	more := ""
	if len(gaps) > 1 {
		more = fmt.Sprintf(" and %d more", len(gaps)-1)
	}
	return fmt.Sprintf("owners may be missing: %s%s unreadable%s", pathOf(&gaps[0]), more, explain.AsRoot())
}

func gapNote(g ns.Gap) string {
	if none := (kernel.NoTypeError{}); errors.As(g.Err, &none) {
		return none.Error()
	}
	if lack := explain.Scarce(g.Err); lack != "" {
		return fmt.Sprintf("%s not read: %s", pathOf(&g), lack)
	}
	note := fmt.Sprintf("%s unreadable: %v", pathOf(&g), g.Err)
	if g.Of(links.Source) {
		note = fmt.Sprintf("links of %s: %v", pathOf(&g), g.Err)
	}
	if g.Of(ns.SourceListener) {
		note = fmt.Sprintf("listening sockets of %s: %v", pathOf(&g), g.Err)
	}
	if g.Err == scan.ErrOtherPIDNS || g.Err == scan.ErrHidepid {
		note = fmt.Sprintf("%s: %v", pathOf(&g), g.Err)
	}
	switch {
	case g.Err == scan.ErrOtherPIDNS:
		note += ": run in the host's PID namespace (docker run --pid=host), or with --root on the host's tree"
	case g.Err == scan.ErrHidepid:
		note += ": " + explain.Privilege(unix.CAP_SYS_PTRACE)
	case denied(g.Err):
		note += explain.AsRoot()
	}
	return note
}

// DanglingNotes reports names that refer to no namespace; a few, unless verbose.
func DanglingNotes(s *ns.Snapshot, verbose bool) []string {
	if !slices.Contains(s.Types, ns.Net) {
		return nil // names are for network namespaces
	}
	var notes []string
	for i, name := range s.Dangling {
		if i == 3 && !verbose {
			return append(notes, fmt.Sprintf("%d more names refer to no namespace: -v lists them", len(s.Dangling)-i))
		}
		notes = append(notes, text.Line(fmt.Sprintf("%s is not a namespace: it is %s", text.Name(name.Path), name.Reason)))
	}
	return notes
}
