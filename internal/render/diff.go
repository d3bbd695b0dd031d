// SPDX-License-Identifier: Apache-2.0

package render

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/nsinspect/nsinspect/internal/text"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
	"github.com/nsinspect/nsinspect/pkg/snapshot"
)

// DiffNames are what the two snapshots are called in the first lines of a diff.
type DiffNames struct{ Old, New string } // "" is the running machine

// mostDetails is how many changes of one kind a terminal shows of a namespace.
const mostDetails = 8

const green = "\x1b[32m"

// Diff writes what is different between two snapshots: for each namespace a line, and what
// has changed about it below that, with +, - or ~ before what is new, gone or different. It
// writes nothing if nothing is different, unless that rests on names and owners alone.
func Diff(w io.Writer, d *snapshot.Diff, names DiffNames, f Format, style Style) error {
	if f == JSON || f == YAML {
		return encode(w, f, false, diffDocument(d))
	}
	p := diffPrinter{style: style, Diff: d, byInode: map[*snapshot.File]map[uint64]*ns.Namespace{}}
	if !d.Same() || d.Identity != snapshot.ByKernel {
		p.head(names)
	}
	for i := range d.Namespaces {
		p.namespace(&d.Namespaces[i])
	}
	p.findings()
	p.dangling()
	if !d.Same() {
		p.summary()
	}
	_, err := w.Write(p.out.Bytes())
	return err
}

// diffPrinter collects the lines of a diff.
type diffPrinter struct {
	*snapshot.Diff
	style   Style
	out     bytes.Buffer
	byInode map[*snapshot.File]map[uint64]*ns.Namespace // see find
}

// line adds a line at some depth below its namespace.
func (p *diffPrinter) line(depth int, sign, line string) {
	color := map[string]string{"+": green, "-": red, "~": yellow}[sign]
	fmt.Fprintln(&p.out, paint(strings.Repeat("  ", depth)+sign+" "+text.Line(line), color, p.style))
}

// short returns how many of several lines are shown, and notes how many are not.
func (p *diffPrinter) short(n int) int {
	if p.style.Width == 0 || n <= mostDetails+1 {
		return n
	}
	return mostDetails
}

func (p *diffPrinter) more(shown, all int, what string) {
	if shown < all {
		fmt.Fprintf(&p.out, "      … %s more %s (-o json has all)\n", text.Count(all-shown), what)
	}
}

func (p *diffPrinter) head(names DiffNames) {
	for _, side := range []struct {
		sign, name string
		file       *snapshot.File
	}{{"---", names.Old, p.Old}, {"+++", names.New, p.New}} {
		s, called := side.file.Snapshot, "the running machine"
		if side.name != "" {
			called = name(side.name)
		}
		line := fmt.Sprintf("%s %s  %s  %s", side.sign, called, s.Taken.Local().Format("2006-01-02 15:04:05 -0700"), name(s.Machine.Host))
		fmt.Fprintln(&p.out, paint(text.Line(line), bold, p.style))
	}
	why := map[snapshot.Identity]string{
		snapshot.ByName: "the machine was booted between the two", snapshot.ByMachine: "they are from two machines",
		snapshot.ByGuess: "whether the machine was booted between the two is unknown",
	}[p.Identity]
	if why == "" {
		return
	}
	fmt.Fprintf(&p.out, "! %s: namespaces are compared by name and owner alone\n", why)
	if n := p.Nameless; n != [2]int{} {
		fmt.Fprintf(&p.out, "! without a name or an owner, and not compared: %s before, %s now\n", text.Count(n[0]), text.Count(n[1]))
	}
}

// diffTitle names a namespace with its owner.
func diffTitle(n *ns.Namespace, o *owner.Owner) string {
	title := text.Title(n)
	if n.Initial {
		title = n.String() + " (host)"
	}
	if o != nil {
		title += ", " + nameOwner(o).String()
	}
	return title
}

func (p *diffPrinter) namespace(c *snapshot.Change) {
	n := c.Namespace()
	title := diffTitle(n, c.Owner())
	if c.Action == snapshot.Changed {
		p.line(0, "~", title)
		p.names(c)
		p.owner(c)
		for i := range c.Holders {
			p.holders(&c.Holders[i])
		}
		p.links(c)
		return
	}
	if tally := n.Tally(); len(tally) > 0 {
		title += ": " + strings.Join(tally, ", ")
	}
	if links := linksInCommon(n.Links); n.Links != nil {
		title += "; " + links
	}
	p.line(0, map[snapshot.Action]string{snapshot.Created: "+", snapshot.Freed: "-"}[c.Action], title)
	p.moves(c)
}

func (p *diffPrinter) names(c *snapshot.Change) {
	for _, n := range c.Names {
		if n.Old != nil {
			p.line(1, "-", "name "+nameText(n.Old))
		}
		if n.New != nil {
			p.line(1, "+", "name "+nameText(n.New))
		}
	}
}

func nameText(n *ns.Name) string {
	label := text.Name(n.Path) + n.Authority.Suffix()
	if n.Kind != ns.NameMount {
		label += " (" + string(n.Kind) + ")"
	}
	return label
}

func (p *diffPrinter) owner(c *snapshot.Change) {
	if !c.OwnerChanged {
		return
	}
	if c.OldOwner != nil {
		p.line(1, "-", "owner "+nameOwner(c.OldOwner).Describe())
	}
	if c.NewOwner != nil {
		p.line(1, "+", "owner "+nameOwner(c.NewOwner).Describe())
	}
}

func (p *diffPrinter) findings() {
	for _, f := range p.Findings {
		switch {
		case f.Old == nil:
			p.line(0, "+", fmt.Sprintf("%s: %s: %s: %s", f.New.Severity, f.New.Check, f.New.Subject, f.New.Summary))
		case f.New == nil:
			p.line(0, "-", fmt.Sprintf("%s: %s: %s", f.Old.Severity, f.Old.Check, f.Old.Subject))
		default:
			p.line(0, "~", fmt.Sprintf("%s: %s: %s, was %s", f.New.Severity, f.New.Check, f.New.Subject, f.Old.Severity))
		}
	}
}

func (p *diffPrinter) dangling() {
	for _, n := range p.Dangling {
		if n.Old != nil {
			p.line(0, "-", danglingText(n.Old))
		}
		if n.New != nil {
			p.line(0, "+", danglingText(n.New))
		}
	}
}

func danglingText(d *ns.DanglingName) string {
	return fmt.Sprintf("%s is not a namespace: it is %s", text.Name(d.Path), d.Reason)
}

// summary adds how much is different, in one line.
func (p *diffPrinter) summary() {
	var n [7]int
	for i := range p.Namespaces {
		n[map[snapshot.Action]int{snapshot.Created: 0, snapshot.Freed: 1, snapshot.Changed: 2}[p.Namespaces[i].Action]]++
	}
	for _, f := range p.Findings {
		switch {
		case f.Old == nil:
			n[3]++
		case f.New == nil:
			n[4]++
		default:
			n[5]++
		}
	}
	n[6] = len(p.Dangling)
	var parts []string
	for i, word := range []struct{ one, many string }{
		{"created", "created"}, {"freed", "freed"}, {"changed", "changed"}, {"finding new", "findings new"}, {"finding gone", "findings gone"},
		{"finding changed", "findings changed"}, {"dangling name changed", "dangling names changed"},
	} {
		switch {
		case n[i] == 1:
			parts = append(parts, "1 "+word.one)
		case n[i] > 1:
			parts = append(parts, text.Count(n[i])+" "+word.many)
		}
	}
	fmt.Fprintln(&p.out, strings.Join(parts, ", "))
}
