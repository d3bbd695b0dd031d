// SPDX-License-Identifier: Apache-2.0

package render

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/nsinspect/nsinspect/internal/text"
	"github.com/nsinspect/nsinspect/internal/wire"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/snapshot"
)

// Skipped is a file that leaks did not use.
type Skipped struct {
	Path string
	Err  error
}

// Leaks writes what grows in series of snapshots: of each that has leaks a table, and below
// each leak the files between which it grew.
func Leaks(w io.Writer, all []snapshot.Series, skipped []Skipped, f Format, style Style) error {
	if f == JSON || f == YAML {
		return encode(w, f, false, leaksDocument(all, skipped))
	}
	var out bytes.Buffer
	for i := range all {
		s := &all[i]
		if len(s.Leaks) == 0 {
			continue
		}
		if out.Len() > 0 {
			out.WriteByte('\n')
		}
		title := fmt.Sprintf("%s: %s snapshots from %s to %s", name(s.Machine.Host), text.Count(s.Snapshots), date(s.First), date(s.Last))
		fmt.Fprintln(&out, text.Line(title))
		if err := leaksTable(s.Leaks).write(&out, style); err != nil {
			return err
		}
	}
	_, err := w.Write(out.Bytes())
	return err
}

func date(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05 -0700") }

func leaksTable(all []snapshot.Leak) *table {
	t := &table{columns: []column{
		{title: "TYPE"}, {title: "OWNER", least: 8}, {title: "NAMES", least: 8}, {title: "MADE-BY"}, {title: "COUNT", right: true},
		{title: "GROWN", right: true}, {title: "PER-HOUR", right: true}, {title: "FIRST-SEEN"},
	}}
	for i := range all {
		l := &all[i]
		t.add(yellow, l.Type.String(), name(l.Runtime), name(l.Names), creator(l.Creator), text.Count(l.Count), text.Count(l.Grown),
			strconv.FormatFloat(l.PerHour, 'f', 2, 64), date(l.FirstSeen))
		t.addLine("", "  oldest "+memberText(l.Type, l.Oldest)+", newest "+memberText(l.Type, l.Newest))
		t.addLine("", "  grew first "+growthText(&l.First))
		t.addLine("", "  grew last  "+growthText(&l.Last))
	}
	return t
}

func creator(uid int) string {
	switch {
	case uid < 0:
		return ""
	case uid == 0:
		return "root"
	}
	return strconv.Itoa(uid)
}

func memberText(t ns.Type, m snapshot.Member) string {
	title := ns.FormatLink(t, m.Inode)
	if m.Name != "" {
		title += " (" + text.Name(m.Name) + ")"
	}
	return title
}

func growthText(g *snapshot.Growth) string {
	return fmt.Sprintf("by %s between %s and %s", text.Count(g.Count), text.Name(g.Before), text.Name(g.After))
}

func leaksDocument(all []snapshot.Series, skipped []Skipped) wire.Leaks {
	doc := wire.Leaks{Machine: wire.NewMachine(ns.Machine{}, ""), Series: []wire.LeakSeries{}, Skipped: []wire.LeakSkipped{}}
	for i := range all {
		s := &all[i]
		series := wire.NewLeakSeries(s.Machine, s.Snapshots, s.First, s.Last)
		for k := range s.Leaks {
			series.Leaks = append(series.Leaks, leak(&s.Leaks[k]))
		}
		doc.Series = append(doc.Series, series)
	}
	for _, s := range skipped {
		doc.Skipped = append(doc.Skipped, wire.NewLeakSkipped(s.Path, s.Err))
	}
	return doc
}

func leak(l *snapshot.Leak) wire.Leak {
	w := wire.Leak{
		Type: l.Type.String(), Runtime: l.Runtime, Names: l.Names, Count: l.Count, Grown: l.Grown, PerHour: l.PerHour, FirstSeen: l.FirstSeen,
		FirstGrew: wire.NewLeakGrowth(l.First.Before, l.First.After, l.First.Taken, l.First.Count),
		LastGrew:  wire.NewLeakGrowth(l.Last.Before, l.Last.After, l.Last.Taken, l.Last.Count),
		Oldest:    wire.NewLeakRef(l.Type, l.Oldest.Inode, l.Oldest.Cookie, l.Oldest.Name),
		Newest:    wire.NewLeakRef(l.Type, l.Newest.Inode, l.Newest.Cookie, l.Newest.Name),
	}
	if l.Creator >= 0 {
		w.OwnerUID = &l.Creator
	}
	return w
}
