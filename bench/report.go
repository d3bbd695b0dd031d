// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// report is everything that was found.
type report struct {
	Machine machine
	Command string
	Runs    int
	Sets    []set
}

// table is rows of cells, the first of them the heading.
type table [][]string

// rows lays out the figures of one load.
func (s set) rows() table {
	t := table{{"", "wall ms", "min–max", "CPU ms", "peak MiB", "× floor", "× lsns"}}
	lsns := medianBy(s.find(lsnsNet), wall)
	for _, r := range s.Results {
		if l := medianBy(r.Samples, loop); l > 0 {
			t = append(t, []string{r.Name + ", the loop alone", milliseconds(l), "", "", "", times(ratio(l, s.floorTime())), times(ratio(l, lsns))})
		}
		w := medianBy(r.Samples, wall)
		low, high := spread(r.Samples)
		t = append(t, []string{r.Name, milliseconds(w), milliseconds(low) + "–" + milliseconds(high),
			milliseconds(medianBy(r.Samples, cpu)), s.peakCell(r.Samples), times(ratio(w, s.floorTime())), times(ratio(w, lsns))})
	}
	return t
}

// peakCell writes a peak, or that it is hidden by the bench's own.
func (s set) peakCell(samples []sample) string {
	if most := peak(samples); most > s.OwnPeak {
		return mebibytes(most)
	}
	return "≤ " + mebibytes(s.OwnPeak)
}

// growthRows lays out how the time per process changed.
func growthRows(small, large set) table {
	t := table{{"", fmt.Sprintf("µs a process at %d", small.Processes), fmt.Sprintf("at %d", large.Processes), "change"}}
	for _, r := range large.Results {
		field := wall
		name := r.Name
		if medianBy(r.Samples, loop) > 0 {
			field, name = loop, name+", the loop alone"
		}
		g := growth(small, large, r.Name, field)
		if g == 0 {
			continue
		}
		per := func(s set) string {
			return fmt.Sprintf("%.1f", float64(medianBy(s.find(r.Name), field))/1e3/float64(s.Processes))
		}
		t = append(t, []string{name, per(small), per(large), fmt.Sprintf("%+.0f %%", 100*(g-1))})
	}
	return t
}

func (r report) targetRows() table {
	t := table{{fmt.Sprintf("target of nsinspect list, for %s", targetLoad), "found", ""}}
	for _, x := range r.targets() {
		t = append(t, []string{x.Promise, x.Found, x.Met})
	}
	return t
}

// caption describes the load.
func (s set) caption() string {
	c := fmt.Sprintf("%d processes of %d thread(s) and %d namespace file(s) each, in %d network namespaces",
		s.Processes, s.Threads, s.FDs, s.Namespaces)
	if len(s.Absent) > 0 {
		c += "; not installed: " + strings.Join(s.Absent, ", ")
	}
	return c
}

// notes returns how to read the figures.
func (r report) notes() string {
	own := int64(0)
	for _, s := range r.Sets {
		own = max(own, s.OwnPeak)
	}
	text := fmt.Sprintf("Medians of %d rounds in which all run in turn, from exec to exit, output to a file; every output is checked. "+
		"The floor of the ratios is its loop alone. Peaks are the highest of all rounds; none below the bench's own %s MiB can be seen.",
		r.Runs, mebibytes(own))
	for _, s := range r.Sets {
		if s.busy() {
			text += fmt.Sprintf(" The machine was busy: with %d processes, the floor waited %.0f %% of its time for its core, so the ratios mean little.",
				s.Processes, 100*s.waited())
		}
	}
	return text
}

// text writes the report for a terminal.
func (r report) text(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s\n%s\n", r.Machine, r.Command, r.notes())
	for _, s := range r.Sets {
		fmt.Fprintf(&b, "\n%s:\n", s.caption())
		s.rows().text(&b)
	}
	if len(r.Sets) > 1 {
		b.WriteByte('\n')
		growthRows(r.Sets[0], r.Sets[1]).text(&b)
	}
	if len(r.Sets) > 0 {
		b.WriteByte('\n')
		r.targetRows().text(&b)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// markdown is the section for the documentation.
func (r report) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Machine: %s.\n\n```\n%s\n```\n\n%s\n", r.Machine, r.Command, r.notes())
	b.WriteByte('\n')
	r.targetRows().markdown(&b)
	for _, s := range r.Sets {
		fmt.Fprintf(&b, "\n%s:\n\n", s.caption())
		s.rows().markdown(&b)
	}
	if len(r.Sets) > 1 {
		b.WriteString("\nTime per process:\n\n")
		growthRows(r.Sets[0], r.Sets[1]).markdown(&b)
	}
	return b.String()
}

func (t table) text(b *strings.Builder) {
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	for _, row := range t {
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	w.Flush() // to memory: it cannot fail
}

func (t table) markdown(b *strings.Builder) {
	for i, row := range t {
		fmt.Fprintf(b, "| %s |\n", strings.Join(row, " | "))
		if i == 0 {
			fmt.Fprintf(b, "|---%s|\n", strings.Repeat("|--:", len(row)-1))
		}
	}
}
